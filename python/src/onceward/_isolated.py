"""A coroutine in a context of its own, within a task that others share: a task for each event would cost more than many a handler."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


class Isolated:
    """Awaited, it runs the coroutine; what that sets in its context is gone with it. Cancelling the task cancels the coroutine."""

    __slots__ = ("_context", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        self._coroutine, self._context = coroutine, context

    def __await__(self) -> Generator[Any, Any, Any]:
        run, send = self._context.run, self._coroutine.send
        try:
            waits_for = run(send, None)
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:
                    # As `yield from` does it: what is thrown into the task is thrown into the coroutine.
                    waits_for = run(self._coroutine.throw, error)
                else:
                    waits_for = run(send, sent)
        except StopIteration as end:
            return end.value
        finally:
            self._coroutine.close()

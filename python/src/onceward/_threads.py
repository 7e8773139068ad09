"""`def` handlers: threads that each take one run after the other."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Sequence
from types import CoroutineType
from typing import Any

from ._batch import EventBatch
from ._context import current
from ._escape import Escape
from ._fork import leave_child
from ._handler import Handler
from ._native import Batch, Queue, Run
from ._outcome import told
from ._trace import attached

IDLE = 5.0
"""Seconds between two looks of an idle thread at whether the queue is closed; closing wakes it anyway."""


def default_size() -> int:
    """As many as `concurrent.futures` takes."""
    return min(32, (os.cpu_count() or 1) + 4)


class Threads:
    """A pool that lives as long as a run."""

    def __init__(self, queue: Queue, handlers: Sequence[Handler], size: int, escape: Escape) -> None:
        self._queue, self._handlers, self._escape = queue, handlers, escape
        self._base = contextvars.copy_context()
        self._pool = [threading.Thread(target=self._work, name=f"onceward-handler-{number}", daemon=True) for number in range(size)]

    def start(self) -> None:
        for thread in self._pool:
            thread.start()

    def join(self, seconds: float) -> None:
        """A handler that never returns keeps its thread, and nobody else."""
        until = time.monotonic() + seconds
        for thread in self._pool:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        queue, handlers = self._queue, self._handlers
        take = queue.next
        while True:
            work = take(IDLE)
            if work is None:
                if queue.closed:
                    return
                continue
            if isinstance(work, Run):
                self._run(work, handlers[work.handler])
            elif isinstance(work, Batch):
                self._batch(work, handlers[work.handler])
            # The last reference: what is in hand ends here, and not when the next work comes.
            del work

    def _run(self, run: Run, handler: Handler) -> None:
        call, base = handler.call, self._base
        for event in run:
            try:
                # Each event has a context of its own: what a handler sets is gone with it.
                base.copy().run(_enter, call, event)
                leave_child()
            except BaseException as error:
                leave_child()
                self._escape.note(error)
                run.fail(*told(error, handler.fatal, handler.is_fatal))
                return

    def _batch(self, batch: Batch, handler: Handler) -> None:
        try:
            events = EventBatch(batch, handler.fatal)
            self._base.copy().run(_enter_batch, handler.call, events)
            leave_child()
        except BaseException as error:
            leave_child()
            self._escape.note(error)
            batch.fail(None, *told(error, handler.fatal, handler.is_fatal))
        else:
            batch.done()


def _enter(call: Any, event: Any) -> None:
    current.set(event)
    if attached is None:
        result = call(event)
    else:
        with attached(event):
            result = call(event)
    if result is not None:
        refuse_coroutine(result)


def _enter_batch(call: Any, events: EventBatch) -> None:
    result = call(events)
    if result is not None:
        refuse_coroutine(result)


def refuse_coroutine(result: object) -> None:
    """A coroutine that nobody awaits would pass for success."""
    if isinstance(result, CoroutineType):
        result.close()
        raise TypeError("the handler returned a coroutine that nobody awaits; register the `async def` function itself")

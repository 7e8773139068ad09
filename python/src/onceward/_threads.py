"""`def` handlers: threads that each take one run after the other, and one event after the other across them."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Sequence
from types import CoroutineType
from typing import Any

from . import _fork
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
        base = contextvars.copy_context()
        self._pool = [
            threading.Thread(target=base.copy().run, args=(self._work,), name=f"onceward-handler-{number}", daemon=True)
            for number in range(size)
        ]

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
        while True:
            work = queue.next(IDLE)
            if work is None and queue.closed:
                return
            while work is not None:
                if isinstance(work, Run):
                    self._run(work, handlers[work.handler])
                    work = work.another()
                elif isinstance(work, Batch):
                    self._batch(work, handlers[work.handler])
                    work = None

    def _run(self, run: Run, handler: Handler) -> None:
        call, here = handler.call, _fork.here
        run.through(self._queue)
        # The thread has a context of its own, which holds the event; its copy is the handler's: what that sets is gone with it.
        enter, copy = current.set, contextvars.copy_context
        for event in run:
            enter(event)
            try:
                if attached is None:
                    result = copy().run(call, event)
                else:
                    result = copy().run(_traced, attached, call, event)
                if result is not None:
                    refuse_coroutine(result)
                if here is not _fork.here:
                    leave_child()
            except BaseException as error:
                leave_child()
                self._escape.note(error)
                run.fail(*told(error, handler.fatal, handler.is_fatal))
        # Between events the thread holds none: what an event refers to is large.
        enter(None)

    def _batch(self, batch: Batch, handler: Handler) -> None:
        try:
            events = EventBatch(batch, handler.fatal)
            result = contextvars.copy_context().run(handler.call, events)
            if result is not None:
                refuse_coroutine(result)
            leave_child()
        except BaseException as error:
            leave_child()
            self._escape.note(error)
            batch.fail(None, *told(error, handler.fatal, handler.is_fatal))
        else:
            batch.done()


def _traced(attached: Any, call: Any, event: Any) -> Any:
    with attached(event):
        return call(event)


def refuse_coroutine(result: object) -> None:
    """A coroutine that nobody awaits would pass for success."""
    if isinstance(result, CoroutineType):
        result.close()
        raise TypeError("the handler returned a coroutine that nobody awaits; register the `async def` function itself")

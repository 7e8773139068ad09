"""`async def` handlers: one task per run, on one event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence

from ._batch import EventBatch
from ._context import current
from ._escape import Escape
from ._handler import Handler
from ._letters import Told
from ._native import Batch, Letter, Queue, Run
from ._outcome import told
from ._trace import attached

TURN = 256
"""Runs that are begun before the loop's other tasks get a turn."""


class Loop:
    """Takes work when the loop has time, and wakes up by a file descriptor: no thread of ours ever calls into the loop."""

    def __init__(self, queue: Queue, handlers: Sequence[Handler], letters: Told | None, escape: Escape) -> None:
        self._queue, self._handlers, self._letters, self._escape = queue, handlers, letters, escape
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._told: set[int] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._descriptor: int | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._descriptor = self._queue.descriptor()
        if self._descriptor is not None:
            try:
                self._loop.add_reader(self._descriptor, self._ready)
                return
            except NotImplementedError:
                # The loop watches no descriptors (Windows' proactor): a thread waits in its place.
                self._descriptor = None
        threading.Thread(target=self._watch, name="onceward-loop-watch", daemon=True).start()

    def stop(self) -> None:
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = None

    async def closed(self) -> None:
        """Until nothing comes any more and every task has ended."""
        await self._closed.wait()
        while self._tasks or self._telling:
            await asyncio.wait([*self._tasks.values(), *self._telling])

    def _watch(self) -> None:
        import time

        while not self._queue.closed:
            time.sleep(0.005)
            self._loop.call_soon_threadsafe(self._ready)

    def _ready(self) -> None:
        queue = self._queue
        queue.silence()
        for token in queue.told():
            if task := self._tasks.get(token):
                self._told.add(token)
                task.cancel("the handler is past its handler_timeout")
        for _ in range(TURN):
            work = queue.next(0.0)
            if work is None:
                if queue.closed:
                    self._closed.set()
                return
            if isinstance(work, Letter):
                self._tell(work)
                continue
            token = work.token
            task = self._loop.create_task(self._batch(work) if isinstance(work, Batch) else self._run(work))
            self._tasks[token] = task
            task.add_done_callback(lambda _, token=token: self._over(token))  # type: ignore[misc]
        self._loop.call_soon(self._ready)

    def _tell(self, letter: Letter) -> None:
        assert self._letters is not None
        task = self._loop.create_task(self._letters.say_awaited(letter))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _over(self, token: int) -> None:
        self._tasks.pop(token, None)
        self._told.discard(token)

    async def _run(self, run: Run) -> None:
        handler = self._handlers[run.handler]
        token = run.token
        run.watch(self._queue)
        for event in run:
            current.set(event)
            try:
                if attached is None:
                    await handler.call(event)
                else:
                    with attached(event):
                        await handler.call(event)
            except asyncio.CancelledError as error:
                if self._was_told(token):
                    run.stopped()
                else:
                    run.fail(*told(error, handler.fatal, handler.is_fatal))
                return
            except BaseException as error:
                self._escape.note(error)
                run.fail(*told(error, handler.fatal, handler.is_fatal))
                return

    async def _batch(self, batch: Batch) -> None:
        handler = self._handlers[batch.handler]
        try:
            await handler.call(EventBatch(batch, handler.fatal))
        except BaseException as error:
            # Past its handler_timeout the loop has given up on it already, and nobody hears this.
            self._was_told(batch.token)
            self._escape.note(error)
            batch.fail(None, *told(error, handler.fatal, handler.is_fatal))
        else:
            batch.done()

    def _was_told(self, token: int) -> bool:
        if token not in self._told:
            return False
        self._told.discard(token)
        task = asyncio.current_task()
        if task is not None and sys.version_info >= (3, 11):
            task.uncancel()
        return True


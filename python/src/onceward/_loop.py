"""`async def` handlers: one task per run, on one event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ._batch import EventBatch
from ._context import current
from ._escape import Escape
from ._handler import Handler
from ._isolated import Isolated
from ._letters import Told
from ._native import Batch, Event, Letter, Queue, Run
from ._outcome import told
from ._trace import attached

PATIENCE = 5.0
"""Seconds that a cancelled handler gets to clean up at the end of a run."""

TURN = 256
"""Runs that are begun before the loop's other tasks get a turn."""

Call = Callable[[Event], Coroutine[Any, Any, None]]

_log = logging.getLogger("onceward")


class Loop:
    """Takes work when the loop has time, and wakes up by a file descriptor: no thread of ours ever calls into the loop."""

    def __init__(self, queue: Queue, handlers: Sequence[Handler], letters: Told | None, escape: Escape) -> None:
        self._queue, self._handlers, self._letters, self._escape = queue, handlers, letters, escape
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._runs: dict[int, Run] = {}
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
        # What still runs is past the drain deadline: nobody waits for it, and its event is handled again.
        tasks = {*self._tasks.values(), *self._telling}
        for task in tasks:
            task.cancel("the drain deadline is over")
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=PATIENCE)
            if left:
                _log.warning("%d handlers did not end when they were cancelled; they are left to the event loop", len(left))

    def _watch(self) -> None:
        import time

        while not self._queue.closed:
            time.sleep(0.005)
            self._loop.call_soon_threadsafe(self._ready)

    def _ready(self) -> None:
        queue = self._queue
        queue.silence()
        for token in queue.told():
            task, run = self._tasks.get(token), self._runs.get(token)
            # The word may be about an event of the run that has ended meanwhile: the one in hand now has its own time.
            if task is not None and (run is None or run.told):
                self._told.add(token)
                task.cancel("the handler is past its handler_timeout, or its partition is gone")
        create_task = self._loop.create_task
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
            self._tasks[token] = create_task(self._batch(work) if isinstance(work, Batch) else self._run(work))
        self._loop.call_soon(self._ready)

    def _tell(self, letter: Letter) -> None:
        assert self._letters is not None
        task = self._loop.create_task(self._letters.say_awaited(letter))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _over(self, token: int) -> None:
        self._tasks.pop(token, None)
        self._runs.pop(token, None)
        self._told.discard(token)

    async def _run(self, run: Run) -> None:
        handler = self._handlers[run.handler]
        token = run.token
        self._runs[token] = run
        run.watch(self._queue)
        call: Call = handler.call if attached is None else _traced(attached, handler.call)
        context: contextvars.Context | None = None
        try:
            for event in run:
                if context is None:
                    # The task's own context is the first event's; those behind it get copies of what it was before.
                    context = contextvars.copy_context()
                    current.set(event)
                    await call(event)
                else:
                    its = context.copy()
                    its.run(current.set, event)
                    await Isolated(its.run(call, event), its)
                # A handler that went on all the same has used up the word that was meant for it.
                self._was_told(token)
        except asyncio.CancelledError as error:
            if self._was_told(token):
                run.stopped()
            else:
                run.fail(*told(error, handler.fatal, handler.is_fatal))
        except BaseException as error:
            self._escape.note(error)
            run.fail(*told(error, handler.fatal, handler.is_fatal))
        finally:
            self._over(token)

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
        finally:
            self._over(batch.token)

    def _was_told(self, token: int) -> bool:
        if token not in self._told:
            return False
        self._told.discard(token)
        task = asyncio.current_task()
        if task is not None and sys.version_info >= (3, 11):
            task.uncancel()
        return True


def _traced(attached: Callable[[Event], AbstractContextManager[None]], call: Callable[[Event], Awaitable[None]]) -> Call:
    async def traced(event: Event) -> None:
        with attached(event):
            await call(event)

    return traced

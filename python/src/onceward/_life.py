"""One run of a consumer: the session beneath, and what executes handlers."""

from __future__ import annotations

import atexit
import json
import weakref
from typing import TYPE_CHECKING

from . import _logs
from ._escape import Escape
from ._handler import LETTERS, LOOP, THREADS
from ._letters import Teller
from ._loop import Loop
from ._native import Session
from ._threads import Threads

if TYPE_CHECKING:
    from ._app import Consumer


_alive: weakref.WeakSet[Life] = weakref.WeakSet()

LONGEST = 60.0
"""Seconds that the end of the interpreter waits for a run that nobody stopped: the drain deadline is 25 s unless it was set."""


def _drain() -> None:
    """The interpreter ends: runs in daemon threads are drained while Python's threads can still run."""
    for life in list(_alive):
        life.session.stop()
    for life in list(_alive):
        try:
            life.session.wait(LONGEST)
        except Exception:
            # Why it ended is nobody's concern any more.
            continue


atexit.register(_drain)


class Life:
    """Made for each run; used once."""

    def __init__(self, app: Consumer) -> None:
        self.handlers, self._letters = app.handlers, app.letters
        self._size = app.threads
        self.escape = Escape()
        self.session = Session(json.dumps(app.document()))
        self._threads: Threads | None = None
        self._teller: Teller | None = None
        self.loop: Loop | None = None

    def executors(self, *, on_loop: bool, threads: int | None = None) -> None:
        """Starts what executes handlers: threads for `def`, tasks of the running loop for `async def`."""
        _logs.start()
        if any(not handler.awaits for handler in self.handlers):
            queue = self.session.queue(THREADS)
            assert queue is not None
            self._threads = Threads(queue, self.handlers, threads or self._size, self.escape)
            self._threads.start()
        if self._letters is not None and not self._letters.awaits:
            queue = self.session.queue(LETTERS)
            assert queue is not None
            self._teller = Teller(queue, self._letters)
            self._teller.start()
        if on_loop:
            self.loop = self.executor()
            self.loop.start()

    def executor(self) -> Loop:
        """What executes `async def` handlers, for the running loop."""
        queue = self.session.queue(LOOP)
        assert queue is not None
        return Loop(queue, self.handlers, self._letters, self.escape)

    def start(self, until_end: bool) -> None:
        """Starts the session, when everything that executes handlers is there."""
        self.session.start(until_end)
        _alive.add(self)

    def finish(self) -> None:
        """The session has ended."""
        _alive.discard(self)
        self.session.close()
        if self.loop is not None:
            self.loop.stop()
        if self._threads is not None:
            self._threads.join(2.0)
        if self._teller is not None:
            self._teller.join(2.0)
        _logs.stop()

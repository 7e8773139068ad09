"""One run of a consumer: the session beneath, and what executes handlers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import _logs
from ._escape import Escape
from ._handler import LOOP, THREADS
from ._loop import Loop
from ._native import Session
from ._threads import Threads

if TYPE_CHECKING:
    from ._app import Consumer


class Life:
    """Made for each run; used once."""

    def __init__(self, app: Consumer) -> None:
        self.handlers = app.handlers
        self._size = app.threads
        self.escape = Escape()
        self.session = Session(json.dumps(app.document()))
        self._threads: Threads | None = None
        self.loop: Loop | None = None

    def executors(self, *, on_loop: bool, threads: int | None = None) -> None:
        """Starts what executes handlers: threads for `def`, tasks of the running loop for `async def`."""
        _logs.start()
        if any(not handler.awaits for handler in self.handlers):
            queue = self.session.queue(THREADS)
            assert queue is not None
            self._threads = Threads(queue, self.handlers, threads or self._size, self.escape)
            self._threads.start()
        if on_loop:
            queue = self.session.queue(LOOP)
            assert queue is not None
            self.loop = Loop(queue, self.handlers, self.escape)
            self.loop.start()

    def finish(self) -> None:
        """The session has ended."""
        self.session.close()
        if self.loop is not None:
            self.loop.stop()
        if self._threads is not None:
            self._threads.join(2.0)
        _logs.stop()

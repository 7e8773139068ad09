"""Dead letters, told to a function while they happen."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._fork import leave_child
from ._native import Letter, Queue

IDLE = 5.0
"""Seconds between two looks at whether the queue is closed; closing wakes the thread anyway."""

_log = logging.getLogger("onceward")


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter, summarised for people who are to be told of it. It never holds key, value or headers of the record."""

    group: str
    """The consumer group that gave the event up."""
    topic: str
    """Where the event came from."""
    partition: int
    """Its partition there."""
    offset: int
    """Its offset there."""
    letter_id: str
    """The letter's id, for `onceward dlt show`."""
    reason: str
    """`exhausted`, `rejected`, `undecodable`, `invalid`, `conflict` or `crashed`."""
    fingerprint: str
    """The same for letters with one cause."""
    error_type: str
    """The exception's class, with its module."""
    message: str
    """The exception's text on one line, at most 500 characters."""
    correlation_id: str
    """The id of the business flow."""
    attempts: int
    """Handler calls made, by the last replay if there was one."""
    replays: int
    """Replays of it that failed: 0 when it is given up for the first time."""


@dataclass(frozen=True)
class Told:
    """The function that is told, and whether it is awaited."""

    call: Callable[[DeadLetter], Any]
    awaits: bool

    def say(self, letter: Letter) -> None:
        """Calls a plain function, in a context of its own."""
        try:
            self.call(DeadLetter(**letter.told()))
            leave_child()
        except BaseException:
            leave_child()
            complain()
        finally:
            letter.done()

    async def say_awaited(self, letter: Letter) -> None:
        """Awaits a coroutine function."""
        try:
            await self.call(DeadLetter(**letter.told()))
        except BaseException:
            complain()
        finally:
            letter.done()


def complain() -> None:
    """Whatever the function raises is its own: the letter is in its topic."""
    _log.exception("on_dead_letter raised; the letter is safe, and the next one is told")


class Teller:
    """A thread of its own, so that handlers which never return do not keep people from hearing of it."""

    def __init__(self, queue: Queue, told: Told) -> None:
        self._queue, self._told = queue, told
        self._base = contextvars.copy_context()
        self._thread = threading.Thread(target=self._work, name="onceward-letters", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            work = self._queue.next(IDLE)
            if isinstance(work, Letter):
                self._base.copy().run(self._told.say, work)
            elif self._queue.closed:
                return

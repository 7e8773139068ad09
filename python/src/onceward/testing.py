"""A handler's life without a broker: the real core, simulated time, and your handlers as they are.

    rig = Rig(app)
    rig.send("orders", key="c1", json={"id": "o1", "total": 9.5}, id="e1")
    rig.run()
    assert rig.handled == ["e1"]
    assert rig.sql("SELECT total FROM invoice") == [(9.5,)]

Brokers are not contacted, and the inbox is a file of the rig's own. Waits between attempts are jumped over. While a handler works, the
simulated clock stands still: `asyncio.sleep` and blocking calls in handlers take their real time.
"""

from __future__ import annotations

import asyncio
import json as _json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._app import Consumer
from ._backoff import seconds_of
from ._body import body
from ._context import fields as _fields
from ._handler import LOOP, THREADS
from ._life import Life
from ._native import Rig as _Native

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DeadLetter", "LogLine", "Published", "Rig"]


@dataclass(frozen=True)
class _Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    id: str
    """The event's id; without one its coordinates."""

    def header(self, name: str) -> str | None:
        """The text of the last header of this name."""
        for found, value in reversed(self.headers):
            if found == name and value is not None:
                return value.decode("utf-8", "replace")
        return None

    def json(self) -> Any:
        """The value as JSON."""
        return _json.loads(self.value or b"")


@dataclass(frozen=True)
class DeadLetter(_Record):
    """A record in a dead-letter topic."""

    reason: str = ""
    """`exhausted`, `rejected`, `undecodable`, `invalid`, `conflict` or `crashed`."""
    attempts: int = 0
    """Handler calls made."""


@dataclass(frozen=True)
class Published(_Record):
    """An event that was published."""


@dataclass(frozen=True)
class LogLine:
    """A line of the log: the core's, or one that a handler wrote."""

    level: str
    message: str
    fields: dict[str, str] = field(default_factory=dict[str, str])


class Rig:
    """A consumer in a test. The consumer itself is not changed, and may be put into any number of rigs.

    `seed`: for the jitter of retries. `start`: wall time in milliseconds since 1970. `partitions`: how many a topic has, default 1.
    `patience`: seconds of real time that one call may take before it is an error.
    """

    def __init__(
        self,
        app: Consumer,
        *,
        seed: int = 1,
        start: int | None = None,
        partitions: Mapping[str, int] | None = None,
        patience: float = 60.0,
    ) -> None:
        self._life = Life(app)
        self._native: _Native | None = _Native(self._life.session, seed, start, dict(partitions or {}), patience)
        self._lines = _Lines()
        logging.getLogger().addHandler(self._lines)
        self._loop_thread: threading.Thread | None = None
        # One thread: what runs beside what is the same in every run of the test.
        self._life.executors(on_loop=False, threads=1)
        if app.awaits:
            started = threading.Event()
            self._loop_thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="onceward-rig-loop", daemon=True)
            self._loop_thread.start()
            started.wait()

    async def _serve(self, started: threading.Event) -> None:
        loop = self._life.executor()
        loop.start()
        started.set()
        await loop.closed()
        loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_native", None) is not None:
            self.close()

    def close(self) -> None:
        """Ends it. Afterwards nothing can be asked."""
        if self._native is None:
            return
        self._native = None
        logging.getLogger().removeHandler(self._lines)
        self._life.finish()
        if self._loop_thread is not None:
            self._loop_thread.join(2.0)

    @property
    def _rig(self) -> _Native:
        from ._errors import ClosedError

        if self._native is None:
            raise ClosedError("this rig is closed")
        return self._native

    def _then(self) -> None:
        self._life.escape.raise_again()

    def send(
        self,
        topic: str,
        *,
        key: bytes | str | None = None,
        value: bytes | str | None = None,
        json: object = None,
        headers: Mapping[str, bytes | str | None] | Iterable[tuple[str, bytes | str | None]] | None = None,
        id: str | None = None,
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> tuple[str, int, int]:
        """Puts a record into a subscribed topic; answers topic, partition and offset."""
        return self._rig.send(topic, key, body(value, json), headers, id, timestamp, partition)

    def run(self) -> None:
        """Until nothing is left to do. Hours of back-off pass in milliseconds."""
        try:
            self._rig.run()
        finally:
            self._then()

    def step(self) -> bool:
        """One step; False: nothing is left to do."""
        return self._rig.step()

    def advance(self, by: str | float | timedelta) -> None:
        """Lets time pass, and everything that happens meanwhile."""
        self._rig.advance(seconds_of(by))
        self._then()

    @property
    def now(self) -> timedelta:
        """Simulated time since the rig began."""
        return timedelta(seconds=self._rig.now())

    def crash(self) -> None:
        """The process dies and starts again: reading goes on at the committed offsets, the inbox's file stays."""
        for channel in (THREADS, LOOP):
            if (queue := self._life.session.queue(channel)) is not None:
                queue.clear()
        self._rig.crash()

    def revoke(self, topic: str, partition: int = 0) -> None:
        """The group takes a partition away; it is drained by the next `run`."""
        self._rig.revoke(topic, partition)

    def lose(self, topic: str, partition: int = 0) -> None:
        """The partition is another member's before this one knew."""
        self._rig.lose(topic, partition)

    def assign(self, topic: str, partition: int = 0) -> None:
        """The group gives a partition back."""
        self._rig.assign(topic, partition)

    def fail_store(self, times: int = 1) -> None:
        """The inbox fails to write so many times."""
        self._rig.fail_store(times)

    def fail_produce(self, times: int = 1) -> None:
        """The broker refuses so many writes of dead letters and publishes."""
        self._rig.fail_produce(times)

    @property
    def handled(self) -> list[str]:
        """Ids of the events handled and marked, in the order of their marks."""
        return self._rig.handled()

    def attempts(self, id: str) -> int:
        """Handler calls for an event."""
        return self._rig.attempts(id)

    def committed(self, topic: str, partition: int = 0) -> int | None:
        """The offset that the group has committed."""
        return self._rig.committed(topic, partition)

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        return [DeadLetter(**letter) for letter in self._rig.dead_letters()]

    @property
    def published(self) -> list[Published]:
        """In the order of arrival."""
        return [Published(**published) for published in self._rig.published()]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of your tables in the inbox's file."""
        return self._rig.sql(query)

    @property
    def logs(self) -> list[LogLine]:
        """Lines of the core, INFO and above, then those that handlers wrote with `logging`; each with the fields of its event."""
        lines: list[LogLine] = []
        for level, message, found in self._rig.logs():
            named: dict[str, str] = {}
            for name, value in found:
                named.setdefault(name, value)
            lines.append(LogLine(level, message, named))
        return lines + list(self._lines.found)

    @property
    def history(self) -> list[str]:
        """Everything that happened, with its simulated time."""
        return self._rig.history()


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[LogLine] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "onceward" or record.name.startswith("onceward."):
            return
        found = {name: str(value) for name, value in _fields().items()}
        self.found.append(LogLine(record.levelname, record.getMessage(), found))

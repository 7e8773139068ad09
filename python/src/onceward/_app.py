"""The consumer: handlers for topics, in one group."""

from __future__ import annotations

import asyncio
import json as _json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from ._body import body
from ._errors import ClosedError
from ._life import Life
from ._native import Session
from ._register import Handlers
from ._signals import Signals
from ._threads import default_size

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._config import Settings

POLL = 0.1
"""Seconds between two looks of a waiting main thread at whether a signal came."""


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    handled: int = 0
    """Events handled and durably marked."""
    duplicates: int = 0
    """Copies dropped."""
    ignored: int = 0
    """Events that no handler wanted (`unrouted_type = "ignore"`)."""
    failed_attempts: int = 0
    """Attempts that failed."""
    dead_letters: int = 0
    """Events in the dead-letter topic."""
    identity_conflicts: int = 0
    """Ids seen with other bytes."""
    abandoned: int = 0
    """Events given back unresolved with their partition; somebody reads them again."""
    halted: int = 0
    """Partitions halted by an alert."""


class Consumer(Handlers):
    """A consumer. Settings have the names of `onceward.toml`; `threads` is the size of the pool for `def` handlers, by default
    min(32, cores + 4).

    A wrong setting raises ConfigError here, with every problem at once.
    """

    def __init__(self, *, threads: int | None = None, **settings: Unpack[Settings]) -> None:
        self._prepare({"config": {name: value for name, value in settings.items() if value is not None}}, threads)

    @classmethod
    def from_file(cls, path: str | PathLike[str], *, threads: int | None = None) -> Self:
        """A consumer configured by a TOML file, with `ONCEWARD_*` variables over it."""
        app = cls.__new__(cls)
        app._prepare({"file": os.fspath(path)}, threads)
        return app

    def _prepare(self, settings: dict[str, object], threads: int | None) -> None:
        if threads is not None and not 1 <= threads <= 1024:
            raise ValueError(f"threads is {threads}; it must be from 1 to 1024")
        Handlers.__init__(self)
        self._settings = settings
        self.threads = threads or default_size()
        self._life: Life | None = None
        self.has_run = False
        self._task: asyncio.Task[Summary] | None = None
        # Opened for its checks only.
        Session(_json.dumps(settings))

    def document(self) -> dict[str, object]:
        """What crosses to the core at the start."""
        return {**self._settings, **self.declared()}

    def run(self, *, until: Literal["end"] | None = None) -> Summary:
        """Runs until SIGINT or SIGTERM, then drains, commits and closes; a second signal exits at once. With `until="end"` it stops when
        every partition is read to its end and everything is handled or dead-lettered.

        Raises what keeps the consumer from starting or going on. In a thread other than the main one, use `stop()` instead of signals;
        where an event loop runs already (Jupyter, FastAPI), use `await app.run_async()`.
        """
        if self.awaits:
            return asyncio.run(self._run_async(until, signals=True))
        life = self._begin()
        try:
            life.executors(on_loop=False)
            with Signals(life.session):
                life.start(until == "end")
                while (found := life.session.wait(POLL)) is None:
                    pass
        finally:
            self._end(life)
        return Summary(**found)

    async def run_async(self, *, until: Literal["end"] | None = None) -> Summary:
        """As `run`, on the running event loop, which handles `async def` handlers. Signals are left to whoever owns the loop; cancelling
        the task drains and closes."""
        return await self._run_async(until, signals=False)

    async def _run_async(self, until: Literal["end"] | None, *, signals: bool) -> Summary:
        life = self._begin()
        try:
            life.executors(on_loop=True)
            loop = life.loop
            assert loop is not None
            with Signals(life.session, signals):
                life.start(until == "end")
                closed = asyncio.ensure_future(loop.closed())
                try:
                    await asyncio.shield(closed)
                except asyncio.CancelledError:
                    life.session.stop()
                    await closed
                    raise
                while (found := life.session.wait(0.0)) is None:
                    await asyncio.sleep(0.01)
        finally:
            self._end(life)
        return Summary(**found)

    def _begin(self) -> Life:
        if self._life is not None:
            raise ClosedError("this consumer runs already")
        self._life = life = Life(self)
        self.has_run = self.sealed = True
        return life

    def _end(self, life: Life) -> None:
        life.session.stop()
        life.finish()
        self._life, self.sealed = None, False
        life.escape.raise_again()

    def stop(self) -> None:
        """Asks a run to drain and end, from any thread. Asking twice is fine."""
        if (life := self._life) is not None:
            life.session.stop()

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self.run_async())
        # What keeps it from starting is raised here if it is known at once, else at the end.
        await asyncio.sleep(0)
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self.stop()
        if task is not None:
            await task

    async def wait(self) -> Summary:
        """Inside of `async with`: until the run ends by itself."""
        if self._task is None:
            raise ClosedError("wait() belongs inside of `async with app`")
        return await asyncio.shield(self._task)

    def pause(self, topic: str) -> None:
        """Starts no handler of this topic any more. Running ones go on to their end; the topic keeps its partitions."""
        self._running().session.suspend(topic, True)

    def resume(self, topic: str) -> None:
        """Starts handlers of this topic again."""
        self._running().session.suspend(topic, False)

    def publish(
        self,
        topic: str,
        *,
        key: bytes | str | None = None,
        value: bytes | str | None = None,
        json: object = None,
        headers: Mapping[str, bytes | str] | Iterable[tuple[str, bytes | str]] | None = None,
        id: str | None = None,
    ) -> str:
        """Publishes from outside of handlers, while the consumer runs, and returns the event's id once it is durable. Blocks."""
        return self._running().session.publish(topic, key, body(value, json), headers, id)

    async def publish_async(self, topic: str, **record: Any) -> str:
        """As `publish`, without blocking the loop."""
        return await asyncio.to_thread(self.publish, topic, **record)

    def _running(self) -> Life:
        if (life := self._life) is None:
            raise ClosedError("this consumer does not run; call this while run() is under way")
        return life

"""The consumer: handlers for topics, in one group."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ._backoff import Backoff, text_of
from ._body import body
from ._errors import ClosedError, ConfigError
from ._handler import LETTERS, LOOP, THREADS, Handler, is_async, with_model
from ._letters import DeadLetter, Told
from ._life import Life
from ._native import Session
from ._threads import default_size

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._batch import EventBatch
    from ._config import Settings
    from ._native import Event

L = TypeVar("L", bound="Callable[[DeadLetter], Awaitable[None] | None]")
H = TypeVar("H", bound="Callable[..., Awaitable[None] | None]")

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


class Consumer:
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
        import json

        if threads is not None and not 1 <= threads <= 1024:
            raise ValueError(f"threads is {threads}; it must be from 1 to 1024")
        self._settings = settings
        self.threads = threads or default_size()
        self.handlers: list[Handler] = []
        self.letters: Told | None = None
        self._life: Life | None = None
        self.has_run = False
        self._task: asyncio.Task[Summary] | None = None
        # Opened for its checks only.
        Session(json.dumps(settings))

    def document(self) -> dict[str, object]:
        """What crosses to the core at the start."""
        document = {**self._settings, "handlers": [handler.declared for handler in self.handlers], "channels": LETTERS + 1}
        if self.letters is not None:
            document["on_dead_letter"] = LOOP if self.letters.awaits else LETTERS
        return document

    @property
    def awaits(self) -> bool:
        """Whether anything that was registered runs on an event loop."""
        return any(handler.awaits for handler in self.handlers) or (self.letters is not None and self.letters.awaits)

    def on(
        self,
        *topics: str,
        type: str | Sequence[str] = (),
        retry: Backoff | None = None,
        fatal: Iterable[type[BaseException]] = (),
        is_fatal: Callable[[BaseException], bool] | None = None,
        model: Any = None,
        timeout: str | float | timedelta | None = None,
        max_rate: float | None = None,
        reads: bool = False,
    ) -> Callable[[H], H]:
        """Handles the events of topics: a decorator for `def` and `async def` functions of one event.

        `type`: only events of these types. `retry`: the retry policy. `fatal`: exception classes (subclasses included) that are given up
        at once, with the reason `rejected`; `is_fatal`: a predicate for the same. `model`: a pydantic model, msgspec struct, dataclass or
        callable; the handler then gets the body, and the event as second argument if it takes one. `timeout`: how long one call may
        take, default 60 s. `max_rate`: events per second. `reads`: the handler calls `event.query`.
        """
        options = self._options(topics, type, retry, timeout, max_rate)
        options["reads"] = reads

        def register(handler: H) -> H:
            call = handler if model is None else with_model(handler, model)
            self._register(handler, call, options, False, fatal, is_fatal)
            return handler

        return register

    def on_batch(
        self,
        *topics: str,
        type: str | Sequence[str] = (),
        size: int | None = None,
        at_once: int | None = None,
        retry: Backoff | None = None,
        fatal: Iterable[type[BaseException]] = (),
        is_fatal: Callable[[BaseException], bool] | None = None,
        timeout: str | float | timedelta | None = None,
        max_rate: float | None = None,
    ) -> Callable[[H], H]:
        """Handles the events of topics several at a time: as many as are ready, up to `size` (500) in one call, `at_once` (1) calls.

        The handler gets an EventBatch. An exception is nobody's attempt: each event is then handled in a call of its own.
        """
        options = self._options(topics, type, retry, timeout, max_rate)
        options.update(batch=True, batch_size=size, batches_at_once=at_once)

        def register(handler: H) -> H:
            self._register(handler, handler, options, True, fatal, is_fatal)
            return handler

        return register

    def on_dead_letter(self, function: L) -> L:
        """Calls a function, `def` or `async def`, for each event that this consumer gives up: when the letter is durable, one after the
        other, on a thread of its own or on the loop, and never in the way of handlers.

        It gets a DeadLetter, a summary without payload. What it raises is logged and changes nothing. While 1,024 letters wait for it,
        further ones are not told, which is logged; they are in the dead-letter topic all the same.
        """
        if self._life is not None:
            raise ClosedError("this consumer runs already; register functions before run()")
        if self.letters is not None:
            message = "has a function already; call what else is to hear of letters from there"
            raise ConfigError(f"on_dead_letter: {message}", [("on_dead_letter", message)])
        self.letters = Told(function, is_async(function))
        return function

    def _options(
        self,
        topics: Sequence[str],
        types: str | Sequence[str],
        retry: Backoff | None,
        timeout: str | float | timedelta | None,
        max_rate: float | None,
    ) -> dict[str, object]:
        if not topics or not all(isinstance(topic, str) for topic in topics):
            raise TypeError('name the topics: @app.on("orders")')
        return {
            "topics": list(topics),
            "types": [types] if isinstance(types, str) else list(types),
            "retry": None if retry is None else retry.to_config(),
            "timeout": None if timeout is None else text_of(timeout),
            "max_rate": max_rate,
        }

    def _register(
        self,
        handler: Callable[..., Any],
        call: Callable[..., Any],
        options: dict[str, object],
        batch: bool,
        fatal: Iterable[type[BaseException]],
        is_fatal: Callable[[BaseException], bool] | None,
    ) -> None:
        if self._life is not None:
            raise ClosedError("this consumer runs already; register handlers before run()")
        awaits = is_async(handler)
        declared = {**options, "channel": LOOP if awaits else THREADS}
        self.handlers.append(Handler(call, awaits, batch, tuple(fatal), is_fatal, declared))

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
            with _Signals(life.session):
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
            with _Signals(life.session, signals):
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
        self.has_run = True
        return life

    def _end(self, life: Life) -> None:
        life.session.stop()
        life.finish()
        self._life = None
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


class _Signals:
    """The first SIGINT or SIGTERM drains, the second one ends the process at once. Only in the main thread; what was there before comes
    back afterwards."""

    def __init__(self, session: Session, wanted: bool = True) -> None:
        self._session = session
        self._before: dict[signal.Signals, Any] = {}
        self._wanted = wanted and threading.current_thread() is threading.main_thread()
        self._asked = False

    def __enter__(self) -> None:
        if self._wanted:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._heard)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        self._session.stop()

"""Handlers are registered here: what a decorator takes, and what the core is told of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, overload

from ._backoff import Backoff, text_of
from ._batch import EventBatch
from ._errors import ClosedError, ConfigError
from ._handler import LETTERS, LOOP, THREADS, Handler, is_async, with_model
from ._letters import DeadLetter, Told
from ._native import Event

if TYPE_CHECKING:
    E = TypeVar("E", bound=Callable[[Event], Awaitable[None] | None])
    B = TypeVar("B", bound=Callable[[EventBatch], Awaitable[None] | None])
    L = TypeVar("L", bound=Callable[[DeadLetter], Awaitable[None] | None])
    M = TypeVar("M")
    R = TypeVar("R", bound=Awaitable[None] | None)

    class Modelled(Protocol, Generic[M]):
        """Decorates a function of the body, or of the body and its event."""

        @overload
        def __call__(self, handler: Callable[[M], R], /) -> Callable[[M], R]: ...
        @overload
        def __call__(self, handler: Callable[[M, Event], R], /) -> Callable[[M, Event], R]: ...


class Handlers:
    """What was registered."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []
        self.letters: Told | None = None
        self.sealed = False

    @property
    def awaits(self) -> bool:
        """Whether anything that was registered runs on an event loop."""
        return any(handler.awaits for handler in self.handlers) or (self.letters is not None and self.letters.awaits)

    def declared(self) -> dict[str, object]:
        """As it crosses to the core."""
        declared: dict[str, object] = {"handlers": [handler.declared for handler in self.handlers], "channels": LETTERS + 1}
        if self.letters is not None:
            declared["on_dead_letter"] = LOOP if self.letters.awaits else LETTERS
        return declared

    @overload
    def on(
        self,
        *topics: str,
        model: None = None,
        type: str | Sequence[str] = (),
        retry: Backoff | None = None,
        fatal: Iterable[type[BaseException]] = (),
        is_fatal: Callable[[BaseException], bool] | None = None,
        timeout: str | float | timedelta | None = None,
        max_rate: float | None = None,
        reads: bool = False,
    ) -> Callable[[E], E]: ...
    @overload
    def on(
        self,
        *topics: str,
        model: type[M] | Callable[[Any], M],
        type: str | Sequence[str] = (),
        retry: Backoff | None = None,
        fatal: Iterable[type[BaseException]] = (),
        is_fatal: Callable[[BaseException], bool] | None = None,
        timeout: str | float | timedelta | None = None,
        max_rate: float | None = None,
        reads: bool = False,
    ) -> Modelled[M]: ...
    def on(
        self,
        *topics: str,
        model: Any = None,
        type: str | Sequence[str] = (),
        retry: Backoff | None = None,
        fatal: Iterable[type[BaseException]] = (),
        is_fatal: Callable[[BaseException], bool] | None = None,
        timeout: str | float | timedelta | None = None,
        max_rate: float | None = None,
        reads: bool = False,
    ) -> Any:
        """Handles the events of topics: a decorator for `def` and `async def` functions of one event.

        `type`: only events of these types. `retry`: the retry policy. `fatal`: exception classes (subclasses included) that are given up
        at once, with the reason `rejected`; `is_fatal`: a predicate for the same. `model`: a pydantic model, msgspec struct, dataclass or
        callable; the handler then gets the body, and the event as second argument if it takes one. `timeout`: how long one call may
        take, default 60 s. `max_rate`: events per second. `reads`: the handler calls `event.query`.
        """
        options = _options(topics, type, retry, timeout, max_rate)
        options["reads"] = reads

        def register(handler: Callable[..., Any]) -> Callable[..., Any]:
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
    ) -> Callable[[B], B]:
        """Handles the events of topics several at a time: as many as are ready, up to `size` (500) in one call, `at_once` (1) calls.

        The handler gets an EventBatch. An exception is nobody's attempt: each event is then handled in a call of its own.
        """
        options = _options(topics, type, retry, timeout, max_rate)
        options.update(batch=True, batch_size=size, batches_at_once=at_once)

        def register(handler: B) -> B:
            self._register(handler, handler, options, True, fatal, is_fatal)
            return handler

        return register

    def on_dead_letter(self, function: L) -> L:
        """Calls a function, `def` or `async def`, for each event that this consumer gives up: when the letter is durable, one after the
        other, on a thread of its own or on the loop, and never in the way of handlers.

        It gets a DeadLetter, a summary without payload. What it raises is logged and changes nothing. While 1,024 letters wait for it,
        further ones are not told, which is logged; they are in the dead-letter topic all the same.
        """
        self._may_register()
        if self.letters is not None:
            message = "has a function already; call what else is to hear of letters from there"
            raise ConfigError(f"on_dead_letter: {message}", [("on_dead_letter", message)])
        self.letters = Told(function, is_async(function))
        return function

    def _register(
        self,
        handler: Callable[..., Any],
        call: Callable[..., Any],
        options: dict[str, object],
        batch: bool,
        fatal: Iterable[type[BaseException]],
        is_fatal: Callable[[BaseException], bool] | None,
    ) -> None:
        self._may_register()
        awaits = is_async(handler)
        declared = {**options, "channel": LOOP if awaits else THREADS}
        self.handlers.append(Handler(call, awaits, batch, tuple(fatal), is_fatal, declared))

    def _may_register(self) -> None:
        if self.sealed:
            raise ClosedError("this consumer runs already; register handlers before run()")


def _options(
    topics: Sequence[object],
    types: str | Sequence[str],
    retry: Backoff | None,
    timeout: str | float | timedelta | None,
    max_rate: float | None,
) -> dict[str, object]:
    # `@app.on` without a call gets the function here.
    if not topics or not all(isinstance(topic, str) for topic in topics):
        raise TypeError('name the topics: @app.on("orders")')
    return {
        "topics": list(cast("Sequence[str]", topics)),
        "types": [types] if isinstance(types, str) else list(types),
        "retry": None if retry is None else retry.to_config(),
        "timeout": None if timeout is None else text_of(timeout),
        "max_rate": max_rate,
    }

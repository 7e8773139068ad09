"""Conversions between Python and the core."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

_Bytes = bytes | str
_Headers = Mapping[str, bytes | str] | Iterable[tuple[str, bytes | str]]

@final
class Event:
    """A record of Kafka, with an identity. Its parts are read when they are asked for.

    What it refers to lives as long as the event: keep what you took out of it, not the event itself.
    """

    @property
    def topic(self) -> str:
        """The source topic."""
    @property
    def partition(self) -> int:
        """The partition's number."""
    @property
    def offset(self) -> int:
        """The record's offset."""
    @property
    def key(self) -> bytes | None:
        """The record's key; None is Kafka's null."""
    @property
    def value(self) -> bytes | None:
        """The record's value; None is Kafka's null, a tombstone."""
    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """All headers in order, repeated ones included."""
    def header(self, name: str) -> bytes | None:
        """The last header of this name that is not null."""
    @property
    def timestamp(self) -> int | None:
        """The record's timestamp in milliseconds since 1970."""
    @property
    def id(self) -> str:
        """The event's id as its producer gave it; else its coordinates, as `topic/partition/offset`."""
    @property
    def type(self) -> str | None:
        """The event's type, from where the topic's `event_type` says; None when it says none."""
    @property
    def correlation_id(self) -> str:
        """The id of the business flow: from the headers, else from `traceparent`, else made from the record's place."""
    @property
    def causation_id(self) -> str | None:
        """The id of the event that caused this one, if its producer said so."""
    @property
    def traceparent(self) -> str | None:
        """The W3C trace context for calls to other services."""
    @property
    def attempt(self) -> int:
        """The number of this call for this event, counted from 1."""
    @property
    def replayed(self) -> bool:
        """Whether this is the replay of a dead letter."""
    @property
    def idempotency_key(self) -> str:
        """A key for the other side of a call that is no effect (a payment, an e-mail): the same for every attempt and redelivery of this
        event in this group. 32 hex digits."""
    @property
    def body(self) -> bytes | None:
        """What json() reads: the value, or the JSON that the topic's schema made of it."""
    @property
    def schema(self) -> int | str | None:
        """The id of the schema that wrote the value: a registry's number, or a global id. None where the topic has no schema or the
        record does not say."""
    def json(self) -> Any:
        """The value as JSON; of a topic with a schema, as the schema decoded it. Raises DecodeError, which gives the event up at once unless you catch it."""
    def effect(self, sql: str, params: Sequence[object] | None = None, expect_rows: int | None = None) -> None:
        """Records a statement that commits in the transaction of this event's mark: exactly once, power cut included.

        Deferred: nothing runs now. A failing statement, or another number of rows than `expect_rows`, is a failed attempt of this event
        (`EffectFailed`). `?` is the placeholder on every store. A parameter is None, a bool, an int of 64 bits, a float, a str or bytes;
        anything else is a TypeError. Nothing is recorded after the handler has ended.
        """
    def query(self, sql: str, params: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Reads your tables in the inbox's file, as they were before this event. The handler must be registered with `reads=True`;
        otherwise, or when SQLite refuses, a RuntimeError."""
    def publish(
        self,
        topic: str,
        *,
        key: _Bytes | None = None,
        value: _Bytes | None = None,
        json: object = None,
        headers: _Headers | None = None,
        id: str | None = None,
    ) -> None:
        """Publishes an event when this handler succeeds; what a failed attempt published is discarded.

        Its id is derived from this event's, so that a repeated handling publishes the same id and the next Onceward consumer drops the
        copy; `id=` overrides it.
        """

@final
class Run:
    @property
    def handler(self) -> int: ...
    @property
    def token(self) -> int: ...
    def watch(self, queue: Queue) -> None: ...
    @property
    def told(self) -> bool: ...
    def through(self, queue: Queue) -> None: ...
    def another(self) -> Run | Batch | Letter | None: ...
    def __iter__(self) -> Iterator[Event]: ...
    def __next__(self) -> Event: ...
    def fail(
        self, verdict: str, kind: str = "", message: str = "", stack: str = "", names: Sequence[str] = ..., after: float | None = None
    ) -> None: ...
    def stopped(self) -> None: ...

@final
class Batch:
    @property
    def handler(self) -> int: ...
    @property
    def token(self) -> int: ...
    def events(self) -> list[Event]: ...
    def done(self) -> None: ...
    def fail(
        self,
        position: int | None,
        verdict: str,
        kind: str = "",
        message: str = "",
        stack: str = "",
        names: Sequence[str] = ...,
        after: float | None = None,
    ) -> None: ...

@final
class Letter:
    def told(self) -> dict[str, Any]: ...
    def done(self) -> None: ...

@final
class Queue:
    def next(self, wait: float) -> Run | Batch | Letter | None: ...
    @property
    def closed(self) -> bool: ...
    def told(self) -> list[int]: ...
    def descriptor(self) -> int | None: ...
    def silence(self) -> None: ...
    def clear(self) -> None: ...

@final
class Session:
    def __new__(cls, document: str) -> Session: ...
    def start(self, until_end: bool) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def wait(self, at_most: float) -> dict[str, int] | None: ...
    def queue(self, channel: int) -> Queue | None: ...
    def publish(self, topic: str, key: object, value: object, headers: object, id: str | None) -> str: ...
    def suspend(self, topic: str, paused: bool) -> None: ...

@final
class Rig:
    def __new__(cls, session: Session, seed: int, start: int | None, partitions: dict[str, int], patience: float) -> Rig: ...
    def send(
        self,
        topic: str,
        key: object,
        value: object,
        headers: object,
        id: str | None,
        timestamp: int | None,
        partition: int | None,
    ) -> tuple[str, int, int]: ...
    def run(self) -> None: ...
    def step(self) -> bool: ...
    def advance(self, by: float) -> None: ...
    def now(self) -> float: ...
    def crash(self) -> None: ...
    def revoke(self, topic: str, partition: int) -> None: ...
    def lose(self, topic: str, partition: int) -> None: ...
    def assign(self, topic: str, partition: int) -> None: ...
    def fail_store(self, times: int) -> None: ...
    def fail_produce(self, times: int) -> None: ...
    def replay(
        self,
        fingerprint: str | None,
        reason: str | None,
        key: object,
        partition: int | None,
        letter: str | None,
    ) -> int: ...
    def discard(
        self,
        fingerprint: str | None,
        reason: str | None,
        key: object,
        partition: int | None,
        letter: str | None,
    ) -> int: ...
    def held(self) -> list[dict[str, Any]]: ...
    def handled(self) -> list[str]: ...
    def attempts(self, id: str) -> int: ...
    def committed(self, topic: str, partition: int) -> int | None: ...
    def dead_letters(self) -> list[dict[str, Any]]: ...
    def published(self) -> list[dict[str, Any]]: ...
    def sql(self, query: str) -> list[tuple[Any, ...]]: ...
    def logs(self) -> list[tuple[str, str, list[tuple[str, str]]]]: ...
    def history(self) -> list[str]: ...

def error_codes() -> list[str]: ...
def wake_logs() -> None: ...
def collect_logs(level: str) -> None: ...
def next_logs(max: int, wait: float) -> list[tuple[str, str, str, float, list[tuple[str, str]]]]: ...

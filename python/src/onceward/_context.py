"""The event that is being handled, for everything that is called meanwhile."""

from __future__ import annotations

from contextvars import ContextVar

from ._native import Event

current: ContextVar[Event | None] = ContextVar("onceward_event", default=None)


def current_event() -> Event | None:
    """The event that is being handled here; None outside of handlers. Tasks and `asyncio.to_thread` inherit it."""
    return current.get()


def fields() -> dict[str, object]:
    """What a log line says of the event at hand; empty outside of handlers."""
    event = current.get()
    if event is None:
        return {}
    return {
        "correlation_id": event.correlation_id,
        "topic": event.topic,
        "partition": event.partition,
        "offset": event.offset,
        "attempt": event.attempt,
    }

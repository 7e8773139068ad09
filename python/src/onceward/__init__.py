"""Kafka events handled once, in order per key, retried, dead-lettered and traced.

    import onceward

    app = onceward.Consumer(brokers="localhost:9092", group="billing", inbox="sqlite:billing.db",
                            auto_offset_reset="earliest")

    @app.on("orders", retry=onceward.Backoff(attempts=5, first="200ms"), fatal=[ValueError])
    def invoice(event: onceward.Event) -> None:
        order = event.json()
        event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", [order["id"], order["total"]])

    app.run()
"""

from ._app import Consumer, Summary
from ._backoff import Backoff
from ._context import current_event
from ._errors import (
    BrokerError,
    ClosedError,
    ConfigError,
    DecodeError,
    HaltedError,
    InboxError,
    OncewardError,
    Reject,
    Retry,
    TopicsError,
)
from ._letters import DeadLetter
from ._native import Event
from ._batch import EventBatch

__all__ = [
    "Backoff",
    "BrokerError",
    "ClosedError",
    "ConfigError",
    "Consumer",
    "DeadLetter",
    "DecodeError",
    "Event",
    "EventBatch",
    "HaltedError",
    "InboxError",
    "OncewardError",
    "Reject",
    "Retry",
    "Summary",
    "TopicsError",
    "current_event",
]

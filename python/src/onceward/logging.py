"""The event at hand on every line of the log.

With the standard library:

    handler = logging.StreamHandler()
    handler.addFilter(onceward.logging.EventFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s %(correlation_id)s %(message)s"))

With structlog, add `onceward.logging.add_event` to its processors.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from ._context import fields

NAMES = ("correlation_id", "topic", "partition", "offset", "attempt")
"""What a line gets."""


class EventFilter(logging.Filter):
    """Puts correlation id, topic, partition, offset and attempt of the event at hand on each record; None outside of handlers.

    Add it to handlers of `logging`, not to loggers: a logger's filters do not see the lines of the loggers below it. Lines of the core
    have these fields already, and keep them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        found = fields()
        for name in NAMES:
            if not hasattr(record, name):
                setattr(record, name, found.get(name))
        return True


def add_event(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the same fields, where the line does not have them itself."""
    for name, value in fields().items():
        event_dict.setdefault(name, value)
    return event_dict

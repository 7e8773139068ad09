"""When a failed event is tried again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"\s*(\d+)\s*(ms|s|m|h|d)\s*")


def text_of(duration: str | float | timedelta) -> str:
    """A duration as the configuration has it: a text is passed on and checked there."""
    if isinstance(duration, str):
        return duration
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    return f"{max(0, round(seconds * 1000))}ms"


def seconds_of(duration: str | float | timedelta) -> float:
    """A duration in seconds. A ValueError says what would be right."""
    if isinstance(duration, timedelta):
        return max(0.0, duration.total_seconds())
    if not isinstance(duration, str):
        return max(0.0, float(duration))
    found = _TEXT.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is not a duration; write a whole number and a unit: 200ms, 10s, 5m, 1h or 7d")
    return int(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True)
class Backoff:
    """When a failed event is tried again, and when it is given up. What is not set comes from the configuration.

    The wait after attempt n is `first * factor ** (n - 1)`, at most `max`, shortened by up to `jitter`. Durations are texts as
    `"200ms"`, timedeltas, or seconds.
    """

    attempts: int | None = None
    """Handler calls per event, the first included. Default 5."""
    first: str | float | timedelta | None = None
    """Wait after the first failure. Default 200 ms."""
    factor: float | None = None
    """Each further wait is this many times the one before. Default 2."""
    max: str | float | timedelta | None = None
    """Longest single wait. Default 30 s."""
    total: str | float | timedelta | None = None
    """Time from the first attempt to the last. Default 5 min."""
    jitter: float | None = None
    """How much of each wait is random, from 0 to 1. Default 0.2."""

    def to_config(self) -> dict[str, object]:
        """As it stands in a configuration."""
        written: dict[str, object] = {}
        for name in ("attempts", "factor", "jitter"):
            if (value := getattr(self, name)) is not None:
                written[name] = value
        for name in ("first", "max", "total"):
            if (value := getattr(self, name)) is not None:
                written[name] = text_of(value)
        return written

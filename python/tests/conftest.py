from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import onceward


@pytest.fixture
def consumer() -> Callable[..., onceward.Consumer]:
    """A consumer that is never connected: for rigs."""

    def make(**settings: Any) -> onceward.Consumer:
        given: dict[str, Any] = {"brokers": "localhost:9092", "group": "g", "inbox": "sqlite:unused.db", "auto_offset_reset": "earliest"}
        return onceward.Consumer(**{**given, **settings})

    return make

"""The event at hand on every line, where Python people look for it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest

import onceward
import onceward.logging
from onceward import _logs, _native
from onceward.testing import Rig


def test_a_filter_puts_the_event_on_each_record(
    consumer: Callable[..., onceward.Consumer], onceward_rig: Callable[..., Rig]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(onceward.logging.EventFilter())
    handler.setFormatter(logging.Formatter("%(correlation_id)s %(topic)s/%(partition)s/%(offset)s #%(attempt)s %(message)s"))
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    app = consumer()

    @app.on("orders")
    def take(event: onceward.Event) -> None:
        logger.warning("packing")

    rig = onceward_rig(app)
    rig.send("orders", headers={"correlation-id": "flow"})
    rig.run()
    logger.warning("closing")
    logger.removeHandler(handler)
    assert stream.getvalue() == "flow orders/0/0 #1 packing\nNone None/None/None #None closing\n"


def test_a_structlog_processor_does_the_same(consumer: Callable[..., onceward.Consumer], onceward_rig: Callable[..., Rig]) -> None:
    structlog = pytest.importorskip("structlog")
    lines: list[dict[str, Any]] = []

    def keep(logger: Any, method: str, line: dict[str, Any]) -> dict[str, Any]:
        lines.append(dict(line))
        raise structlog.DropEvent

    log = structlog.wrap_logger(None, processors=[onceward.logging.add_event, keep])
    app = consumer()

    @app.on("orders")
    async def take(event: onceward.Event) -> None:
        log.info("packing", offset="mine")

    rig = onceward_rig(app)
    rig.send("orders", headers={"correlation-id": "flow"})
    rig.run()
    log.info("closing")
    assert lines[0]["correlation_id"] == "flow" and lines[0]["offset"] == "mine", "what a line says itself stays"
    assert "correlation_id" not in lines[1]


def test_lines_of_the_core_keep_their_level_time_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="onceward"):
        _logs._write([("WARN", "onceward", "attempt failed", 12.5, [("offset", "7"), ("name", "x"), ("offset", "8")])])
        _logs._write([("DEBUG", "onceward", "handled", 12.5, [])])
    [record] = caplog.records
    assert (record.levelno, record.created, record.offset, record.name) == (logging.WARNING, 12.5, 7, "onceward")  # type: ignore


def test_lines_come_in_batches_and_waiting_ends() -> None:
    assert _native.next_logs(10, 0.0) is not None

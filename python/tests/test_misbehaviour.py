"""Handlers that do not behave, on a real Kafka: what they cost, and what they can't."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from pathlib import Path

import pytest

import onceward

from .kafka import BROKERS, name, needs_broker, rows, send, service, topic, until

pytestmark = needs_broker

FOREVER = """
import asyncio, os, sys, threading
import onceward

brokers, topic, group, kind = sys.argv[1:]
app = onceward.Consumer(brokers=brokers, group=group, inbox="sqlite:inbox.db", auto_offset_reset="earliest", create_topics=True,
                        drain_deadline="1s", setup_sql=["CREATE TABLE IF NOT EXISTS n(id TEXT)"])

def count(event):
    if event.id == "e3" and kind != "end":
        open("began", "w").close()
        return True
    event.effect("INSERT INTO n VALUES (?)", [event.id])

def blocks(event):
    if count(event):
        threading.Event().wait()

async def waits(event):
    if count(event):
        await asyncio.Event().wait()

app.on(topic)(waits if kind == "async" else blocks)
print(app.run(until="end" if kind == "end" else None), flush=True)
"""


@pytest.mark.parametrize("kind", ["def", "async"])
def test_a_handler_that_never_returns_keeps_its_key_and_not_the_others_nor_the_end(tmp_path: Path, kind: str) -> None:
    orders, group = topic("orders", 2), name("g")
    send(orders, range(40))
    process = service(tmp_path, FOREVER, orders, group, kind)
    try:
        # Of key k3 only e3 was begun, so the other three of it wait.
        until(lambda: rows(tmp_path / "inbox.db", "SELECT count(*) FROM n") == [(36,)], "all other keys go on")
        assert (tmp_path / "began").exists()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and "abandoned=0" not in out, out
    assert time.monotonic() - began < 15, "a second to drain, two for its thread, and the rest is the machine's"
    again = service(tmp_path, FOREVER, orders, group, "end")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert rows(tmp_path / "inbox.db", "SELECT count(*), count(DISTINCT id) FROM n") == [(40, 40)]


def consumer(folder: Path, group: str, **settings: object) -> onceward.Consumer:
    given = {"inbox": f"sqlite:{folder / 'inbox.db'}", "auto_offset_reset": "earliest", "create_topics": True}
    return onceward.Consumer(brokers=BROKERS, group=group, **{**given, **settings})  # type: ignore


def test_a_stuck_handler_is_reported_with_its_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(1))
    app, go_on = consumer(tmp_path, group), threading.Event()

    @app.on(orders, timeout="200ms")
    def stuck(event: onceward.Event) -> None:
        assert go_on.wait(60)

    def reported() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.levelno >= logging.WARNING and "handler_timeout" in record.getMessage()]

    found: list[onceward.Summary] = []
    with caplog.at_level(logging.INFO, logger="onceward"):
        thread = threading.Thread(target=lambda: found.append(app.run(until="end")))
        thread.start()
        until(reported, "it is reported")
        go_on.set()
        thread.join(60)
    assert reported()[0].__dict__["topic"] == orders
    assert [(summary.handled, summary.failed_attempts) for summary in found] == [(1, 0)], "late is not failed: it can't be stopped"


def test_a_loop_that_is_closed_under_way_loses_nothing(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(30))
    code = FOREVER.rsplit("app.on(topic)", 1)[0] + """
app.on(topic)(waits)
loop = asyncio.new_event_loop()
task = loop.create_task(app.run_async())

def look():
    loop.stop() if os.path.exists("began") else loop.call_later(0.01, look)

look()
loop.run_forever()
loop.close()
print("closed", flush=True)
"""
    process = service(tmp_path, code, orders, group, "async")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "closed" in out, out
    again = service(tmp_path, FOREVER, orders, group, "end")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert rows(tmp_path / "inbox.db", "SELECT count(*), count(DISTINCT id) FROM n") == [(30, 30)]


def test_a_handler_that_forks_on_a_real_kafka(tmp_path: Path) -> None:
    """Children that run on, exit, or come back: the parent alone commits, and no connection is shared."""
    orders, group = topic("orders"), name("g")
    send(orders, range(30))
    code = FOREVER.rsplit("app.on(topic)", 1)[0] + """
import time

@app.on(topic)
def forks(event):
    number = int(event.id[1:])
    count(event)
    if number % 10 == 1:
        child = os.fork()
        if child == 0 and number == 1:
            os._exit(0)
        if child == 0 and number == 11:
            return
        if child == 0:
            try:
                app.publish(topic, value="from a child")
            except onceward.ClosedError:
                open("told", "w").close()
            os._exit(0)
        os.waitpid(child, 0)

print(app.run(until="end"), flush=True)
"""
    process = service(tmp_path, code, orders, group, "end")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "handled=30" in out, out
    assert (tmp_path / "told").exists(), "a child that publishes is told, and hangs on no lock"
    assert rows(tmp_path / "inbox.db", "SELECT count(*), count(DISTINCT id) FROM n") == [(30, 30)]


def test_cancelling_the_task_of_a_run_drains_it(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(20))
    seen: list[str] = []

    async def main() -> None:
        app = consumer(tmp_path, group)
        begun, go_on = asyncio.Event(), asyncio.Event()

        @app.on(orders)
        async def take(event: onceward.Event) -> None:
            begun.set()
            await go_on.wait()
            seen.append(event.id)

        task = asyncio.create_task(app.run_async())
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen, "what had begun came to its end"

    asyncio.run(main())
    after, handled = consumer(tmp_path, group), list[str]()

    @after.on(orders)
    def rest(event: onceward.Event) -> None:
        handled.append(event.id)

    after.run(until="end")
    assert sorted(seen + handled, key=lambda id: int(id[1:])) == [f"e{number}" for number in range(20)]

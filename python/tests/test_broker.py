"""Services on a real Kafka."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import onceward
from onceward.testing import Rig

from .kafka import BROKERS, name, needs_broker, read, rows, send, service, topic, until

pytestmark = needs_broker

SERVICE = """
import os, sys, time
import onceward
from onceward.testing import Rig

brokers, topic, group, *rest = sys.argv[1:]
app = onceward.Consumer(brokers=brokers, group=group, inbox="sqlite:billing.db", auto_offset_reset="earliest", create_topics=True,
                        setup_sql=["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT, pid INTEGER)"],
                        kafka={"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"})

@app.on(topic)
def invoice(event: onceward.Event) -> None:
    event.effect("INSERT INTO invoice VALUES (?, ?)", [event.json()["id"], os.getpid()])
    time.sleep(0.002)

print(app.run(until="end" if "end" in rest else None), flush=True)
"""


def app(folder: Path, group: str, **settings: object) -> onceward.Consumer:
    given = {"inbox": f"sqlite:{folder / 'inbox.db'}", "auto_offset_reset": "earliest", "create_topics": True}
    return onceward.Consumer(brokers=BROKERS, group=group, **{**given, **settings})  # type: ignore


@pytest.mark.parametrize("awaits", [False, True])
def test_each_event_once_and_nothing_the_second_time(tmp_path: Path, awaits: bool) -> None:
    orders, group = topic("orders", 4), name("g")
    send(orders, range(500))
    send(orders, range(100))
    for expected in (500, 0):
        consumer = app(tmp_path, group, setup_sql=["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY)"])

        def invoice(event: onceward.Event) -> None:
            event.effect("INSERT INTO invoice VALUES (?)", [event.json()["id"]])

        async def awaited(event: onceward.Event) -> None:
            await asyncio.sleep(0.001)
            invoice(event)

        consumer.on(orders)(awaited if awaits else invoice)
        summary = consumer.run(until="end")
        assert (summary.handled, summary.dead_letters) == (expected, 0)
    assert rows(tmp_path / "inbox.db", "SELECT count(*) FROM invoice") == [(500,)]


def test_a_letter_has_the_bytes_of_its_record_and_pythons_story(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(3))
    consumer = app(tmp_path, group)

    @consumer.on(orders, retry=onceward.Backoff(attempts=2, first="10ms"))
    def refuse(event: onceward.Event) -> None:
        if event.id == "e1":
            raise LookupError("no such customer")

    assert consumer.run(until="end").dead_letters == 1
    [letter] = read(f"{orders}.{group}.dlt", 1)
    headers = dict(letter.headers())
    assert letter.value() == b'{"id": "o1", "total": 1}' and letter.key() == b"k1"
    assert headers["kafka_dlt-exception-fqcn"] == b"LookupError"
    assert b"in refuse" in headers["kafka_dlt-exception-stacktrace"]


def test_a_kill_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    orders, group = topic("orders", 2), name("g")
    send(orders, range(3_000))
    process = service(tmp_path, SERVICE, orders, group)
    until(lambda: rows(tmp_path / "billing.db", "SELECT count(*) FROM invoice WHERE 1") not in ([], [(0,)]), "some are handled")
    process.kill()
    process.wait()
    [(before,)] = rows(tmp_path / "billing.db", "SELECT count(*) FROM invoice")
    assert before < 3_000, "it was killed too late to show anything"
    again = service(tmp_path, SERVICE, orders, group, "end")
    out, _ = again.communicate(timeout=90)
    assert again.returncode == 0, out
    assert rows(tmp_path / "billing.db", "SELECT count(*), count(DISTINCT order_id) FROM invoice") == [(3_000, 3_000)]


def test_two_processes_share_the_work_and_hand_it_over(tmp_path: Path) -> None:
    orders, group = topic("orders", 4), name("g")
    send(orders, range(4_000), keys=40)
    first, second = (service(tmp_path, SERVICE, orders, group) for _ in range(2))
    try:
        shared = "SELECT count(DISTINCT pid) FROM invoice"
        until(lambda: rows(tmp_path / "billing.db", shared) == [(2,)] or first.poll() or second.poll(), "both have handled some")
        first.send_signal(signal.SIGTERM)
        out, _ = first.communicate(timeout=60)
        assert first.returncode == 0 and "Summary(" in out, out
        done = "SELECT count(DISTINCT order_id) FROM invoice"
        until(lambda: rows(tmp_path / "billing.db", done) == [(4_000,)], "the other one does the rest")
    finally:
        second.send_signal(signal.SIGTERM)
        out, _ = second.communicate(timeout=60)
        first.kill()
    assert second.returncode == 0, out
    assert rows(tmp_path / "billing.db", "SELECT count(*) FROM invoice") == [(4_000,)]


def test_exit_in_a_handler_ends_the_program_and_keeps_the_event(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(1))
    code = SERVICE.replace("time.sleep(0.002)", "sys.exit(7) if not rest else None")
    process = service(tmp_path, code, orders, group)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 7, out
    process = service(tmp_path, code, orders, group, "end")
    out, _ = process.communicate(timeout=60)
    assert "handled=1" in out


def test_a_handler_that_holds_the_gil_loses_no_partition(tmp_path: Path) -> None:
    """Eight seconds without a moment for any other Python thread, under a session timeout of six."""
    orders, group = topic("orders"), name("g")
    send(orders, range(20))
    hold = """if event.id == 'e3':
        sys.setswitchinterval(60)
        end = time.monotonic() + 8
        while time.monotonic() < end:
            pass
        sys.setswitchinterval(0.005)"""
    process = service(tmp_path, SERVICE.replace("time.sleep(0.002)", hold), orders, group, "end")
    out, _ = process.communicate(timeout=110)
    assert process.returncode == 0 and "handled=20" in out and "abandoned=0" in out, out
    assert rows(tmp_path / "billing.db", "SELECT count(*), count(DISTINCT order_id) FROM invoice") == [(20, 20)]


def test_an_async_handler_past_its_timeout_is_cancelled_and_tried_again(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(2))
    consumer, cancelled = app(tmp_path, group), []

    @consumer.on(orders, timeout="300ms", retry=onceward.Backoff(attempts=2, first="10ms"))
    async def slow(event: onceward.Event) -> None:
        try:
            if event.attempt == 1:
                await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(event.id)
            raise

    summary = consumer.run(until="end")
    assert (summary.handled, summary.failed_attempts, sorted(cancelled)) == (2, 2, ["e0", "e1"])


def test_a_late_timeout_is_nothing_to_the_next_event_of_the_run(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(20), keys=1)
    consumer, cancelled = app(tmp_path, group), []

    @consumer.on(orders, timeout="300ms", retry=onceward.Backoff(attempts=1))
    async def slow(event: onceward.Event) -> None:
        try:
            if event.id == "e0":
                # The loop is told meanwhile, and hears of it when this event has ended.
                time.sleep(1.5)
            else:
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            cancelled.append(event.id)
            raise

    summary = consumer.run(until="end")
    assert (cancelled, summary.handled, summary.failed_attempts) == ([], 20, 0)


def test_inside_of_a_running_loop(tmp_path: Path) -> None:
    """As in FastAPI's lifespan: started, used from outside of handlers, stopped."""
    orders, group = topic("orders"), name("g")
    copies = topic("copies")
    send(orders, range(50))
    seen: list[str] = []

    async def main() -> str:
        consumer = app(tmp_path, group)

        @consumer.on(orders)
        async def take(event: onceward.Event) -> None:
            await asyncio.sleep(0)
            seen.append(event.id)

        async with consumer:
            end = time.monotonic() + 60
            while len(seen) < 50:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            consumer.pause(orders)
            consumer.resume(orders)
            return await consumer.publish_async(copies, key="k", json={"n": 1}, id="mine")

    assert asyncio.run(main()) == "mine"
    assert len(seen) == 50
    [copy] = read(copies, 1)
    assert (copy.key(), copy.value(), dict(copy.headers())["onceward-id"]) == (b"k", b'{"n":1}', b"mine")


def test_a_run_in_a_thread_is_stopped_from_outside(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(5))
    consumer, seen = app(tmp_path, group), []
    consumer.on(orders)(lambda event: seen.append(event.id))
    found: list[onceward.Summary] = []
    thread = threading.Thread(target=lambda: found.append(consumer.run()))
    thread.start()
    until(lambda: len(seen) == 5, "all are handled")
    consumer.stop()
    thread.join(60)
    assert [summary.handled for summary in found] == [5]


def test_what_keeps_it_from_starting_is_raised(tmp_path: Path) -> None:
    consumer = app(tmp_path, name("g"), create_topics=False)
    consumer.on(topic("orders"))(lambda event: None)
    with pytest.raises(onceward.TopicsError, match="topics apply"):
        consumer.run(until="end")
    with pytest.raises(onceward.ClosedError):
        consumer.pause("orders")


def test_the_command_comes_with_the_package_and_runs_files(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(10))
    command = Path(sys.executable).with_name("onceward")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=30)
    assert version.returncode == 0 and version.stdout.startswith("onceward "), version.stderr
    code = SERVICE.rsplit("print(", 1)[0] + "app_runs = app.run(until='end')\nprint(app_runs)\n"
    (tmp_path / "service.py").write_text(code)
    run = subprocess.run([command, "run", "service.py", BROKERS, orders, group], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "handled=10" in run.stdout, run.stderr
    absent = subprocess.run([command, "run", "absent.py"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert absent.returncode == 2 and "absent.py is not a file" in absent.stderr


def test_a_service_is_started_again_when_its_file_changes(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    code = SERVICE.replace("time.sleep(0.002)", "open('versions', 'a').write('first\\n')").rsplit("print(", 1)[0]
    file = tmp_path / "service.py"
    file.write_text(code)
    command = Path(sys.executable).with_name("onceward")
    process = subprocess.Popen([command, "run", "service.py", "--reload", BROKERS, orders, group], cwd=tmp_path)
    versions = tmp_path / "versions"
    try:
        send(orders, range(5))
        until(lambda: versions.exists() and versions.read_text().count("first") == 5, "the first version handles five")
        file.write_text(f"open('again', 'w').close()\n{code.replace('first', 'second')}")
        until((tmp_path / "again").exists, "it is started again")
        send(orders, range(5, 10))
        until(lambda: versions.read_text().count("second") == 5, "the second version handles the rest")
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
    assert ended == 0, "the service was drained, not killed"
    assert rows(tmp_path / "billing.db", "SELECT count(*), count(DISTINCT order_id) FROM invoice") == [(10, 10)]


def test_the_interpreter_ends_with_events_in_flight(tmp_path: Path) -> None:
    """The main thread ends while a run goes on in a daemon thread: no crash, no hang, nothing handled twice afterwards."""
    orders, group = topic("orders"), name("g")
    send(orders, range(300))
    code = SERVICE.replace("time.sleep(0.002)", "seen.append(1)").rsplit("print(", 1)[0] + """
import threading
seen = []
runner = threading.Thread(target=lambda: app.run(until="end" if "end" in rest else None), daemon=True)
runner.start()
while len(seen) < 30 and "end" not in rest:
    time.sleep(0.001)
if "end" in rest:
    runner.join()
"""
    for rest in [(), ("end",)]:
        process = service(tmp_path, code, orders, group, *rest)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, (process.returncode, out)
    assert rows(tmp_path / "billing.db", "SELECT count(*), count(DISTINCT order_id) FROM invoice") == [(300, 300)]


def test_starting_and_stopping_again_and_again(tmp_path: Path) -> None:
    """Rigs: everything of a life but the broker. Whatever hangs is shown by faulthandler."""
    for round in range(1_000):
        consumer = app(tmp_path, "g")
        consumer.on("orders")(lambda event: None)
        with Rig(consumer) as rig:
            if round % 3:
                rig.send("orders", id=f"e{round}")
                rig.run()
    assert threading.active_count() < 20, threading.enumerate()


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    orders, group = topic("orders"), name("g")
    send(orders, range(1))
    process = service(tmp_path, SERVICE.replace("time.sleep(0.002)", "open('began', 'w').close(); time.sleep(3600)"), orders, group)
    until(lambda: (tmp_path / "began").exists(), "the handler began")
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    # The first one is heard within a tenth of a second; a second one before that counts as one.
    while process.poll() is None and time.monotonic() < began + 20:
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 143

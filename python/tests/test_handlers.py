"""A handler's life, in a rig: what it may say, and what becomes of its event."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onceward
from onceward.testing import Rig

Make = Callable[..., onceward.Consumer]
MakeRig = Callable[..., Rig]
TABLE = ["CREATE TABLE invoice(order_id TEXT PRIMARY KEY, total REAL)"]


@pytest.mark.parametrize("awaits", [False, True])
def test_an_event_is_handled_once_with_its_effects_and_publishes(consumer: Make, onceward_rig: MakeRig, awaits: bool) -> None:
    app = consumer(setup_sql=TABLE)

    def invoice(event: onceward.Event) -> None:
        order = event.json()
        event.effect("INSERT INTO invoice VALUES (?, ?)", [order["id"], order["total"]])
        event.publish("invoices", key=order["id"], json={"order": order["id"]})

    async def awaited(event: onceward.Event) -> None:
        await asyncio.sleep(0)
        invoice(event)

    app.on("orders")(awaited if awaits else invoice)
    rig = onceward_rig(app)
    for _ in range(2):
        rig.send("orders", key="c1", json={"id": "o1", "total": 9.5}, id="e1", headers={"correlation-id": "flow"})
    rig.run()
    assert rig.handled == ["e1"]
    assert rig.sql("SELECT order_id, total FROM invoice") == [("o1", 9.5)]
    [published] = rig.published
    assert (published.topic, published.key, published.json()) == ("invoices", b"o1", {"order": "o1"})
    assert (published.header("correlation-id"), published.header("causation-id")) == ("flow", "e1")


@pytest.mark.parametrize("awaits", [False, True])
def test_a_failing_event_is_retried_then_dead_lettered_with_its_story(consumer: Make, onceward_rig: MakeRig, awaits: bool) -> None:
    app = consumer()
    attempts: list[int] = []

    def broken(event: onceward.Event) -> None:
        attempts.append(event.attempt)
        raise LookupError("no such customer")

    async def awaited(event: onceward.Event) -> None:
        broken(event)

    app.on("orders", retry=onceward.Backoff(attempts=3, first="1h", max="2h", total="1d"))(awaited if awaits else broken)
    rig = onceward_rig(app)
    rig.send("orders", value=b"\xff\x00", id="e1")
    rig.run()
    assert attempts == [1, 2, 3]
    assert rig.now.total_seconds() > 3600, "two waits of an hour and more were jumped over"
    [letter] = rig.dead_letters
    assert (letter.reason, letter.attempts, letter.value, letter.id) == ("exhausted", 3, b"\xff\x00", "e1")
    assert letter.header("kafka_dlt-exception-fqcn") == "LookupError"
    assert "no such customer" in (letter.header("kafka_dlt-exception-message") or "")
    assert "in broken" in (letter.header("kafka_dlt-exception-stacktrace") or "")
    failed = [line for line in rig.logs if "attempt failed" in line.message]
    assert [line.fields["attempt"] for line in failed] == ["1", "2", "3"]
    assert all(line.fields["correlation_id"] for line in failed)


class Refused(ValueError):
    pass


@pytest.mark.parametrize(
    ("declared", "error", "reason"),
    [
        ({"fatal": [ValueError]}, Refused("x"), "rejected"),
        ({"is_fatal": lambda error: "x" in str(error)}, KeyError("x"), "rejected"),
        ({}, onceward.Reject("not ours"), "rejected"),
        ({}, onceward.DecodeError("no"), "undecodable"),
    ],
)
def test_what_is_fatal_is_given_up_at_once(
    consumer: Make, onceward_rig: MakeRig, declared: dict[str, Any], error: Exception, reason: str
) -> None:
    app = consumer()

    @app.on("orders", **declared)
    def refuse(event: onceward.Event) -> None:
        raise error

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert [(letter.reason, letter.attempts) for letter in rig.dead_letters] == [(reason, 1)]


def test_names_in_the_configuration_cover_subclasses(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer(topics={"orders": {"fatal": ["ValueError"]}})

    @app.on("orders")
    def refuse(event: onceward.Event) -> None:
        raise Refused("x")

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert [letter.attempts for letter in rig.dead_letters] == [1]


def test_retry_chooses_the_wait(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()

    @app.on("orders")
    def later(event: onceward.Event) -> None:
        if event.attempt == 1:
            raise onceward.Retry(after="4m")

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert rig.handled == ["e1"]
    assert 240 <= rig.now.total_seconds() < 242


def test_later_events_of_a_key_wait_and_others_do_not(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()

    @app.on("orders", retry=onceward.Backoff(attempts=2, first="10s"))
    def first_fails(event: onceward.Event) -> None:
        if event.id == "a1" and event.attempt == 1:
            raise OSError("down")

    rig = onceward_rig(app)
    for id, key in [("a1", "a"), ("a2", "a"), ("b1", "b")]:
        rig.send("orders", key=key, id=id)
    rig.run()
    assert rig.handled == ["b1", "a1", "a2"]


@pytest.mark.parametrize("awaits", [False, True])
def test_a_batch_handler_fails_one_and_keeps_the_others(consumer: Make, onceward_rig: MakeRig, awaits: bool) -> None:
    app = consumer()
    calls: list[int] = []

    def take(batch: onceward.EventBatch) -> None:
        calls.append(len(batch))
        for position, event in enumerate(batch):
            if event.id == "e1":
                batch.fail(position, onceward.Reject("not this one"))

    async def awaited(batch: onceward.EventBatch) -> None:
        take(batch)

    app.on_batch("orders")(awaited if awaits else take)
    rig = onceward_rig(app)
    for number in range(4):
        rig.send("orders", key=str(number), id=f"e{number}")
    rig.run()
    assert sum(calls) == 4
    assert sorted(rig.handled) == ["e0", "e2", "e3"]
    assert [(letter.id, letter.reason) for letter in rig.dead_letters] == [("e1", "rejected")]


@pytest.mark.parametrize("awaits", [False, True])
def test_a_loop_over_a_batch_makes_each_event_the_current_one(consumer: Make, onceward_rig: MakeRig, awaits: bool) -> None:
    app = consumer()
    seen: list[tuple[str, onceward.Event | None]] = []
    around: list[onceward.Event | None] = []

    def take(batch: onceward.EventBatch) -> None:
        around.append(onceward.current_event())
        for event in batch:
            seen.append((event.id, onceward.current_event()))
        around.append(onceward.current_event())
        for _event in batch:
            break
        around.append(onceward.current_event())

    async def awaited(batch: onceward.EventBatch) -> None:
        for event in batch:
            await asyncio.sleep(0)
            seen.append((event.id, await asyncio.to_thread(onceward.current_event)))

    app.on_batch("orders")(awaited if awaits else take)
    rig = onceward_rig(app)
    for number in range(3):
        rig.send("orders", key=str(number), id=f"e{number}")
    rig.run()
    assert sorted(id for id, _event in seen) == ["e0", "e1", "e2"]
    assert all(event is not None and event.id == id for id, event in seen)
    assert set(around) <= {None}


def test_an_exception_of_a_batch_is_nobodys_attempt(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()

    @app.on_batch("orders", retry=onceward.Backoff(attempts=2, first="1s"))
    def take(batch: onceward.EventBatch) -> None:
        if any(event.id == "e2" for event in batch):
            raise RuntimeError("one of them")

    rig = onceward_rig(app)
    for number in range(4):
        rig.send("orders", key=str(number), id=f"e{number}")
    rig.run()
    assert sorted(rig.handled) == ["e0", "e1", "e3"]
    assert [(letter.id, letter.attempts) for letter in rig.dead_letters] == [("e2", 2)]


def test_a_crash_forgets_what_was_not_marked_and_repeats_nothing_else(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer(setup_sql=["CREATE TABLE IF NOT EXISTS n(id TEXT)"])

    @app.on("orders")
    def count(event: onceward.Event) -> None:
        event.effect("INSERT INTO n VALUES (?)", [event.id])

    rig = onceward_rig(app)
    for number in range(20):
        rig.send("orders", key=str(number % 3), id=f"e{number}")
    for _ in range(7):
        rig.step()
    rig.crash()
    rig.run()
    assert sorted(rig.sql("SELECT id, count(*) FROM n GROUP BY id")) == sorted((f"e{number}", 1) for number in range(20))


def test_a_rate_is_kept(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()
    app.on("orders", max_rate=10)(lambda event: None)
    rig = onceward_rig(app)
    for number in range(50):
        rig.send("orders", key=str(number), id=f"e{number}")
    rig.run()
    assert len(rig.handled) == 50
    assert 3 <= rig.now.total_seconds() <= 6, "ten in a second, after a small head start"


def test_a_file_a_folder_of_migrations_and_the_environment(tmp_path: Path, onceward_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql/001.sql").write_text("CREATE TABLE n(id TEXT);")
    (tmp_path / "sql/002.sql").write_text("ALTER TABLE n ADD COLUMN seen_by TEXT;")
    settings = 'brokers = "x:1"\ngroup = "from-the-file"\ninbox = "sqlite:unused.db"\nauto_offset_reset = "earliest"\n'
    (tmp_path / "onceward.toml").write_text(f'{settings}migrations = "{tmp_path}/sql"\n')
    # Those of the tests name no settings.
    for name in [name for name in os.environ if name.startswith("ONCEWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ONCEWARD_GROUP", "from-the-environment")
    app = onceward.Consumer.from_file(tmp_path / "onceward.toml")

    @app.on("orders", retry=onceward.Backoff(attempts=1))
    def take(event: onceward.Event) -> None:
        event.effect("INSERT INTO n VALUES (?, 'me')", [event.id])
        if event.id == "e2":
            raise OSError

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.send("orders", id="e2")
    rig.run()
    assert rig.sql("SELECT id, seen_by FROM n") == [("e1", "me")]
    assert rig.dead_letters[0].header("kafka_dlt-original-consumer-group") == "from-the-environment"


colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@pytest.mark.parametrize("awaits", [False, True])
def test_each_line_of_a_handler_has_its_event_threads_included(consumer: Make, onceward_rig: MakeRig, awaits: bool) -> None:
    app = consumer()
    colours: list[str] = []

    @app.on("orders")
    async def speak(event: onceward.Event) -> None:
        await asyncio.to_thread(logging.getLogger("mine").warning, "from a thread")
        assert onceward.current_event() is not None

    def leak(event: onceward.Event) -> None:
        colours.append(colour.get())
        colour.set("red")
        assert onceward.current_event() is event

    async def leak_awaited(event: onceward.Event) -> None:
        await asyncio.sleep(0)
        leak(event)
        await asyncio.sleep(0.001)
        assert (colour.get(), onceward.current_event()) == ("red", event)

    app.on("others", retry=onceward.Backoff(attempts=1))(leak_awaited if awaits else leak)

    rig = onceward_rig(app)
    rig.send("orders", id="e1", headers={"correlation-id": "flow"})
    for _ in range(3):
        rig.send("others", key="k")
    rig.run()
    assert rig.dead_letters == []
    [line] = [line for line in rig.logs if line.message == "from a thread"]
    assert (line.fields["correlation_id"], line.fields["topic"], line.fields["attempt"]) == ("flow", "orders", "1")
    assert colours == ["none"] * 3, "what one handler sets the next one does not see"
    assert onceward.current_event() is None


def test_a_handler_reads_what_was_committed(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer(setup_sql=["CREATE TABLE n(id TEXT, seen INTEGER)"])

    @app.on("orders", reads=True)
    def count(event: onceward.Event) -> None:
        [(before,)] = event.query("SELECT count(*) FROM n WHERE id <> ?", ["x"])
        event.effect("INSERT INTO n VALUES (?, ?)", [event.id, before])

    rig = onceward_rig(app)
    for number in range(3):
        rig.send("orders", key="k", id=f"e{number}")
    rig.run()
    assert rig.sql("SELECT id, seen FROM n ORDER BY id") == [("e0", 0), ("e1", 1), ("e2", 2)]


def test_events_tell_where_they_come_from(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()
    seen: dict[str, Any] = {}

    @app.on("orders")
    def look(event: onceward.Event) -> None:
        names = "topic partition offset key value headers timestamp id type correlation_id causation_id attempt replayed idempotency_key"
        seen.update({name: getattr(event, name) for name in names.split()})
        seen["repr"] = repr(event)

    rig = onceward_rig(app, partitions={"orders": 3})
    headers = [("ce_type", "placed"), ("n", None), ("n", b"\xff"), ("causation-id", "cause"), ("correlation-id", "flow")]
    rig.send("orders", key="k", value=b"secret", headers=headers, id="e1", timestamp=1_700_000_000_000, partition=2)
    rig.run()
    assert (seen["topic"], seen["partition"], seen["offset"], seen["key"], seen["value"]) == ("orders", 2, 0, b"k", b"secret")
    assert seen["headers"][:3] == [("ce_type", b"placed"), ("n", None), ("n", b"\xff")]
    assert (seen["id"], seen["type"], seen["correlation_id"], seen["causation_id"]) == ("e1", "placed", "flow", "cause")
    assert seen["replayed"] is False
    assert (seen["attempt"], seen["timestamp"], len(seen["idempotency_key"])) == (1, 1_700_000_000_000, 32)
    assert "secret" not in seen["repr"] and "orders/2/0" in seen["repr"]

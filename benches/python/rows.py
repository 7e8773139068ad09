"""Rows of the Python package and of what people use now, in one run against one broker: `cargo xtask bench --python`.

Each row runs in a process of its own, so many times, in turns; the median is shown with the lowest and highest. Numbers of different runs
are not comparable: the machine differs. Rates are from the first event in hand to the last.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable

BROKERS = os.environ.get("ONCEWARD_TEST_BROKERS", "")
KEYS, PARTITIONS = 10_000, 8


def prepare(topic: str, count: int, pad: int = 180) -> None:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": BROKERS})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": BROKERS, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    for number in range(count):
        value = json.dumps({"id": f"o{number}", "total": number * 1.5, "pad": "x" * pad})
        producer.produce(topic, key=f"k{number % KEYS}", value=value, headers=[("onceward-id", f"e{number}".encode())])
        if number % 10_000 == 0:
            producer.poll(0)
        while len(producer) > 500_000:
            producer.poll(0.1)
    producer.flush()


class Clock:
    """From the first event in hand to the last one: on the wall, and in CPU of the whole process. Closing is not counted: the bare loops
    have nothing to close, and it costs us half a second, once."""

    def __init__(self, goal: int) -> None:
        self.count, self.goal = 0, goal
        self.began = self.cpu_began = self.ended = self.cpu_ended = 0.0

    def tick(self, events: int = 1) -> None:
        if self.count == 0:
            self.began, self.cpu_began = time.perf_counter(), time.process_time()
        self.count += events
        if self.count >= self.goal:
            self.ended, self.cpu_ended = time.perf_counter(), time.process_time()


def confluent(topic: str, count: int, batch: int) -> Clock:
    from confluent_kafka import Consumer

    settings = {"bootstrap.servers": BROKERS, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer, clock = Consumer(settings), Clock(count)
    consumer.subscribe([topic])
    while clock.count < count:
        if batch:
            found = [record for record in consumer.consume(batch, 1.0) if record.error() is None]
            if found:
                clock.tick(len(found))
        else:
            record = consumer.poll(1.0)
            if record is not None and record.error() is None:
                record.value()
                clock.tick()
    return clock


def by_hand(topic: str, count: int) -> Clock:
    """What people write: insert or ignore the id, then the row, then commit, for each record."""
    import sqlite3

    from confluent_kafka import Consumer

    database = sqlite3.connect("hand.db", isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE seen(id TEXT PRIMARY KEY) WITHOUT ROWID; CREATE TABLE n(id TEXT, total REAL)")
    settings = {"bootstrap.servers": BROKERS, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer, clock = Consumer(settings), Clock(count)
    consumer.subscribe([topic])
    while clock.count < count:
        record = consumer.poll(1.0)
        if record is None or record.error() is not None:
            continue
        clock.tick()
        id = dict(record.headers())["onceward-id"].decode()
        database.execute("BEGIN")
        if database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (id,)).rowcount:
            database.execute("INSERT INTO n VALUES (?, ?)", (id, 1.5))
        database.execute("COMMIT")
        consumer.commit(record, asynchronous=True)
    return clock


def ours(topic: str, count: int, kind: str) -> Clock:
    import asyncio

    import onceward

    clock = Clock(count)
    app = onceward.Consumer(
        brokers=BROKERS,
        group=uuid.uuid4().hex,
        inbox="sqlite:ours.db",
        auto_offset_reset="earliest",
        create_topics=True,
        concurrency=256,
        setup_sql=["CREATE TABLE n(id TEXT, total REAL)"],
    )
    if kind == "batch":

        @app.on_batch(topic)
        def many(batch: onceward.EventBatch) -> None:
            clock.tick(len(batch))

    elif kind == "async 5 ms":

        @app.on(topic)
        async def waits(event: onceward.Event) -> None:
            clock.tick()
            await asyncio.sleep(0.005)

    else:

        @app.on(topic, fatal=[ValueError])
        def one(event: onceward.Event) -> None:
            clock.tick()
            if kind == "effect":
                event.effect("INSERT INTO n VALUES (?, ?)", (event.id, 1.5))
            elif kind == "poison" and event.offset % 100 == 0:
                raise ValueError("poison")

    summary = app.run(until="end")
    assert summary.handled + summary.dead_letters == count, summary
    return clock


def memory(topic: str, count: int) -> None:
    """Resident memory while events go through: MiB by millions of events, and the slope behind the first million."""
    import onceward

    found: list[tuple[float, float]] = []
    seen = 0
    app = onceward.Consumer(
        brokers=BROKERS, group=uuid.uuid4().hex, inbox="sqlite:ours.db", auto_offset_reset="earliest", create_topics=True, concurrency=256
    )

    @app.on(topic)
    def one(event: onceward.Event) -> None:
        nonlocal seen
        seen += 1
        if seen % 50_000 == 0:
            pages = int(open("/proc/self/statm").read().split()[1])
            found.append((seen / 1e6, pages * os.sysconf("SC_PAGESIZE") / 2**20))

    app.run(until="end")
    for millions, mebibytes in found[19::20]:
        print(f"{millions:.0f} million events: {mebibytes:.0f} MiB")
    behind = [point for point in found if point[0] >= 1.0]
    print(f"slope behind the first million: {statistics.linear_regression(*zip(*behind)).slope:.2f} MiB per million")


ROWS: dict[str, tuple[Callable[[str, int], Clock], float]] = {
    "confluent-kafka poll, bare": (lambda topic, count: confluent(topic, count, 0), 1.0),
    "confluent-kafka consume(500), bare": (lambda topic, count: confluent(topic, count, 500), 1.0),
    "onceward def, everything on": (lambda topic, count: ours(topic, count, "def"), 1.0),
    "onceward batch, everything on": (lambda topic, count: ours(topic, count, "batch"), 1.0),
    "onceward def, 1 % poison": (lambda topic, count: ours(topic, count, "poison"), 1.0),
    "idempotent by hand, per record": (by_hand, 0.05),
    "onceward def with event.effect": (lambda topic, count: ours(topic, count, "effect"), 1.0),
    "onceward async def, 5 ms": (lambda topic, count: ours(topic, count, "async 5 ms"), 0.2),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=500_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", default="", help="rows whose names contain this; `rss` is memory over 5 million events, and nothing else")
    arguments.add_argument("--row", help=argparse.SUPPRESS)
    arguments.add_argument("--topic", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if not BROKERS:
        sys.exit("set ONCEWARD_TEST_BROKERS, or use `cargo xtask bench --python`")
    if chosen.only == "rss":
        topic = f"bench-{uuid.uuid4().hex[:8]}"
        count = max(chosen.count, 5_000_000)
        prepare(topic, count, pad=8)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            memory(topic, count)
            os._exit(0)
    if chosen.row:
        clock = ROWS[chosen.row][0](chosen.topic, chosen.count)
        spent = clock.cpu_ended - clock.cpu_began
        print(json.dumps({"rate": clock.count / (clock.ended - clock.began), "cpu_us": spent / clock.count * 1e6}))
        os._exit(0)
    rows = {name: row for name, row in ROWS.items() if chosen.only in name}
    topics: dict[int, str] = {}
    for _, share in rows.values():
        count = int(chosen.count * share)
        if count not in topics:
            topics[count] = f"bench-{uuid.uuid4().hex[:8]}"
            prepare(topics[count], count)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    for _ in range(chosen.rounds):
        for name, (_, share) in rows.items():
            count = int(chosen.count * share)
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, os.path.abspath(__file__), "--row", name, "--topic", topics[count], "--count", str(count)]
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr}")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{'row':<38} {'records/s':>10}  (lowest to highest)      CPU of the process")
    for name, runs in found.items():
        rates = [run["rate"] for run in runs]
        spent = statistics.median(run["cpu_us"] for run in runs)
        print(f"{name:<38} {statistics.median(rates):>10,.0f}  ({min(rates):,.0f} to {max(rates):,.0f})  {spent:.2f} µs per record")


if __name__ == "__main__":
    main()

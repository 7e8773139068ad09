"""What tests of a real broker need of Kafka. The client is confluent-kafka: another librdkafka in the same process, as users have it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

BROKERS = os.environ.get("ONCEWARD_TEST_BROKERS", "")
needs_broker = pytest.mark.skipif(not BROKERS, reason="no broker: set ONCEWARD_TEST_BROKERS")


def name(what: str) -> str:
    return f"py-{what}-{uuid.uuid4().hex[:8]}"


def until(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Waits for what another process or thread brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def topic(what: str, partitions: int = 1) -> str:
    """A new topic."""
    from confluent_kafka.admin import AdminClient, NewTopic

    made = name(what)
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for future in admin.create_topics([NewTopic(made, partitions, 1)]).values():
        future.result(30)
    return made


def send(topic: str, numbers: Iterable[int], keys: int = 10) -> None:
    """Orders, numbered by their ids."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": BROKERS, "linger.ms": 5})
    for number in numbers:
        value = json.dumps({"id": f"o{number}", "total": number})
        producer.produce(topic, key=f"k{number % keys}", value=value, headers=[("onceward-id", f"e{number}".encode())])
        producer.poll(0)
    assert producer.flush(30) == 0


def read(topic: str, count: int, seconds: float = 30.0) -> list[Any]:
    """Records from the beginning of a topic."""
    from confluent_kafka import Consumer

    settings = {"bootstrap.servers": BROKERS, "group.id": name("reader"), "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    found: list[Any] = []
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        record = consumer.poll(0.2)
        if record is not None and record.error() is None:
            found.append(record)
    consumer.close()
    return found


def service(folder: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    """A service in a process of its own; its first argument is the broker's address."""
    file = folder / f"service_{uuid.uuid4().hex[:6]}.py"
    file.write_text(code)
    command = [sys.executable, "-X", "faulthandler", str(file), BROKERS, *arguments]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def rows(file: Path, query: str) -> list[Any]:
    if not file.exists():
        return []
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()

"""A replay tried on a Python service, by the command: its handlers run, and nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .kafka import BROKERS, name, needs_broker, rows, send, topic

pytestmark = needs_broker

SERVICE = """
import asyncio, os, sys, time
import onceward

app = onceward.Consumer(brokers=sys.argv[1], group=sys.argv[3], inbox="sqlite:billing.db", auto_offset_reset="earliest", create_topics=True,
                        setup_sql=["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT)"],
                        topics={sys.argv[2]: {"after_dead_letter": "hold"}}, kafka={"session.timeout.ms": "6000"})

def work(event):
    number = event.json()["id"]
    if number == "o3" and not os.path.exists("mended"):
        raise onceward.Reject("no customer")
    event.effect("INSERT INTO invoice VALUES (?)", [number])
    event.publish("invoices-of-nobody", json={"order": number})

if sys.argv[4] == "async":
    @app.on(sys.argv[2])
    async def invoice(event: onceward.Event) -> None:
        await asyncio.sleep(0.01)
        work(event)
else:
    @app.on(sys.argv[2])
    def invoice(event: onceward.Event) -> None:
        work(event)

if "end" in sys.argv:
    app.run(until="end")
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_command_tells_what_would_become_of_each_letter(tmp_path: Path, kind: str) -> None:
    orders, group = topic("orders"), name("g")
    (tmp_path / "service.py").write_text(SERVICE)
    send(orders, range(10), keys=1)
    # The command takes a variable that begins like its own for a setting.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ONCEWARD_")}
    onceward = [sys.executable, "-m", "onceward"]
    run = [*onceward, "run", "service.py", BROKERS, orders, group, kind]
    subprocess.run([*run, "end"], cwd=tmp_path, check=True, timeout=60)
    before = rows(tmp_path / "billing.db", "SELECT order_id FROM invoice ORDER BY order_id")
    assert before == [("o0",), ("o1",), ("o2",)], "the rest waits behind the fourth"

    def tried() -> tuple[int, dict[str, Any]]:
        flags = ["--json", "--brokers", BROKERS, "--group", group, "--topic", orders, "--dry-run-handler"]
        command = [*onceward, "dlt", "replay", *flags, "--", *run]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert "error" not in json.loads(done.stdout), done.stderr
        return done.returncode, json.loads(done.stdout)

    code, answer = tried()
    assert (code, answer["handled"], answer["failed"], answer["behind"]) == (1, 0, 1, 6)
    assert (answer["letters"][0]["error_type"], answer["letters"][0]["message"]) == ("Reject", "no customer")
    (tmp_path / "mended").touch()
    code, answer = tried()
    assert (code, answer["handled"], answer["failed"]) == (0, 7, 0), answer
    assert [letter["publishes"] for letter in answer["letters"]] == [1] * 7
    assert rows(tmp_path / "billing.db", "SELECT order_id FROM invoice ORDER BY order_id") == before, "nothing of it stays"

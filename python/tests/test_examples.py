"""The examples: executed, in rigs and as services of a real Kafka."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onceward
from onceward.testing import Rig

from .kafka import BROKERS, needs_broker, read, rows, send, topic, until

TREE = Path(__file__).resolve().parent.parent.parent
EXAMPLES = TREE / "examples/python"
MakeRig = Callable[..., Rig]


def blocks(page: Path, after: str = "") -> list[str]:
    return re.findall(rf"{after}```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_readme_shows_the_quickstart() -> None:
    assert blocks(TREE / "python/README.md") == [(EXAMPLES / "quickstart.py").read_text()]


def test_the_quickstart_does_what_it_says(onceward_rig: MakeRig) -> None:
    app = runpy.run_path(str(EXAMPLES / "quickstart.py"))["app"]
    rig = onceward_rig(app)
    for id in ["e1", "e1", "e2"]:
        rig.send("orders", key="c1", json={"id": id.replace("e", "o"), "total": 9.5}, id=id)
    rig.run()
    assert rig.sql("SELECT order_id, total FROM invoice ORDER BY order_id") == [("o1", 9.5), ("o2", 9.5)]
    assert [published.json() for published in rig.published] == [{"order": "o1"}, {"order": "o2"}]


@needs_broker
def test_the_quickstart_on_a_real_kafka(tmp_path: Path) -> None:
    orders, invoices = topic("orders"), topic("invoices")
    code = (EXAMPLES / "quickstart.py").read_text()
    for shown, real in [("localhost:9092", BROKERS), ('"orders"', f'"{orders}"'), ('"invoices"', f'"{invoices}"'), ("app.run()", 'app.run(until="end")')]:
        assert shown in code
        code = code.replace(shown, real)
    (tmp_path / "quickstart.py").write_text(code)
    send(orders, [*range(20), *range(10)])
    command = [Path(sys.executable).with_name("onceward"), "run", "quickstart.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert rows(tmp_path / "billing.db", "SELECT count(*), sum(total) FROM invoice") == [(20, 190.0)]
    assert len({record.value() for record in read(invoices, 20)}) == 20


def test_the_invoice_service(onceward_rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    rig = onceward_rig(runpy.run_path(str(EXAMPLES / "invoices.py"))["app"])
    line = {"article": "tea", "cents": 450, "pieces": 2}
    for id, customer, lines in [
        ("o1", "ada", [line, {"article": "cup", "cents": 700}]),
        ("o2", "ada", []),
        ("o4", "new-bob", [line]),
        ("o5", "cyd", [line]),
    ]:
        rig.send("orders", key=customer, json={"id": id, "customer": customer, "lines": lines}, id=f"e-{id}")
    rig.run()
    assert sorted(rig.sql("SELECT order_id, cents FROM invoice")) == [("o1", 1600), ("o5", 900)]
    reasons = {letter.id: (letter.reason, letter.attempts) for letter in rig.dead_letters}
    assert reasons == {"e-o2": ("rejected", 1), "e-o4": ("exhausted", 3)}
    told = [record.getMessage() for record in caplog.records if record.name == "invoices" and record.levelname == "ERROR"]
    assert sorted(text.split(", see")[0] for text in told) == [
        "given up: 0 cents is no sum for an invoice (ValueError)",
        "given up: new-bob (<run_path>.Unknown)",
    ]


def ask(port: int, path: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode(), timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)
    except OSError:
        return 0, None


@needs_broker
def test_the_web_service(tmp_path: Path) -> None:
    """FastAPI in uvicorn, as it is deployed: requests publish, the consumer beside them handles, SIGTERM drains."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    orders = topic("orders", 2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ONCEWARD_BROKERS": BROKERS, "ORDERS": orders, "PYTHONPATH": str(EXAMPLES)}
    command = [sys.executable, "-m", "uvicorn", "web:api", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: ask(port, "/orders/o0")[0] == 404 or process.poll() is not None, "it answers")
        for number in [*range(20), *range(20)]:
            assert ask(port, "/orders", {"id": f"o{number}", "cents": number}) == (202, {"event": f"order-o{number}"})
        until(lambda: all(ask(port, f"/orders/o{number}")[0] == 200 for number in range(20)), "all are confirmed")
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert "Application shutdown complete" in out, out
    # What it handled is marked and committed: another life of the group finds nothing to do.
    after = onceward.Consumer(brokers=BROKERS, group="confirmations", inbox=f"sqlite:{tmp_path}/confirmations.db", auto_offset_reset="earliest")
    after.on(orders)(lambda event: None)
    assert after.run(until="end").handled == 0


def migrated(place: int) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "migrated"}
    page = TREE / "docs/guide/python-migration.md"
    exec(compile(blocks(page, "After:\n\n")[place], page.name, "exec"), names)
    return names


def test_what_others_had_is_python() -> None:
    page = TREE / "docs/guide/python-migration.md"
    before = blocks(page, "Before:\n\n")
    assert len(before) == len(blocks(page, "After:\n\n")) == 3
    for code in before:
        compile(f"async def shown():\n    {code.replace(chr(10), chr(10) + '    ')}", page.name, "exec")


def test_coming_from_confluent_kafka(onceward_rig: MakeRig) -> None:
    rig = onceward_rig(migrated(0)["app"])
    for id in ["e1", "e1"]:
        rig.send("orders", json={"id": "o1", "total": 9.5}, id=id)
    rig.run()
    assert rig.sql("SELECT * FROM invoice") == [("o1", 9.5)]


def test_coming_from_faststream(onceward_rig: MakeRig) -> None:
    pytest.importorskip("pydantic")
    names, asked = migrated(1), list[str]()

    async def known(order: str) -> bool:
        asked.append(order)
        return len(asked) > 1

    names["known"] = known
    rig = onceward_rig(names["app"])
    rig.send("orders", key="k", json={"id": "o1", "total": 9.5}, id="e1")
    rig.run()
    assert [published.json() for published in rig.published] == [{"order": "o1"}]
    assert (asked, rig.attempts("e1"), 5 <= rig.now.total_seconds() < 6) == (["o1", "o1"], 2, True)


def test_coming_from_aiokafka(onceward_rig: MakeRig) -> None:
    names, charged = migrated(2), list[tuple[Any, str]]()

    async def charge(order: Any, key: str) -> None:
        charged.append((order, key))
        if len(charged) == 1:
            raise OSError("the bank is away")

    names["charge"] = charge
    rig = onceward_rig(names["app"])
    rig.send("orders", json={"id": "o1"}, id="e1")
    rig.run()
    assert charged[0] == charged[1] and charged[0][0] == {"id": "o1"}, "the bank sees that it is the same"

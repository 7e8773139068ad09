"""Python's runner of the conformance cases: every handler once as `def` and once as `async def`."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import onceward
from onceward.testing import LogLine, Rig

CASES = sorted((Path(__file__).resolve().parent.parent / "cases").glob("*.json"))
SETTINGS: dict[str, Any] = {"brokers": "localhost:9092", "group": "g", "inbox": "sqlite:unused.db", "auto_offset_reset": "earliest"}


class Trouble(Exception):
    pass


def error(name: str, message: str) -> Exception:
    return type(name, (Trouble,), {"__module__": "conformance"})(message)


def behave(case: dict[str, Any], event: onceward.Event) -> None:
    attempts = case["behaviour"].get(event.id, case["behaviour"].get("*", [[]]))
    for step in attempts[min(event.attempt, len(attempts)) - 1]:
        match step:
            case {"fail": name, **rest}:
                raise error(name, rest.get("message", ""))
            case {"reject": why}:
                raise onceward.Reject(why)
            case {"retry_after": after}:
                raise onceward.Retry(after=after)
            case {"decode": _}:
                event.json()
            case {"effect": [sql, params]}:
                known = {"$id": event.id, "$key": event.key.decode() if event.key is not None else None}
                if any(str(value).startswith("$json.") for value in params):
                    known |= {f"$json.{name}": value for name, value in event.json().items()}
                event.effect(sql, [known.get(value, value) if isinstance(value, str) else value for value in params])
            case {"unless_replayed": why}:
                if not event.replayed:
                    raise onceward.Reject(why)
            case {"publish": published}:
                event.publish(**published)
            case {"log": text}:
                logging.getLogger("conformance").warning(text)
            case _:
                raise AssertionError(f"no step of the vocabulary: {step}")


def build(case: dict[str, Any], awaits: bool) -> onceward.Consumer:
    config = json.loads(json.dumps(case.get("config", {})).replace("$files", str(CASES[0].parent.parent / "files")))
    app = onceward.Consumer(**{**SETTINGS, **config})
    for declared in case["handlers"]:
        options: dict[str, Any] = {"retry": onceward.Backoff(**declared["retry"]) if "retry" in declared else None}
        if "types" in declared:
            options["type"] = declared["types"]
        fatal = declared.get("fatal", [])
        if not declared.get("batch"):
            options["is_fatal"] = (lambda error, fatal=fatal: type(error).__name__ in fatal) if fatal else None

        def one(event: onceward.Event) -> None:
            behave(case, event)

        async def one_awaited(event: onceward.Event) -> None:
            behave(case, event)

        def many(batch: onceward.EventBatch) -> None:
            for position, event in enumerate(batch):
                try:
                    behave(case, event)
                except Exception as failure:
                    batch.fail(position, failure)

        async def many_awaited(batch: onceward.EventBatch) -> None:
            many(batch)

        if declared.get("batch"):
            app.on_batch(*declared["topics"], **options)(many_awaited if awaits else many)
        else:
            app.on(*declared["topics"], **options)(one_awaited if awaits else one)
    return app


def send(rig: Rig, case: dict[str, Any]) -> None:
    for record in case["records"]:
        record = dict(record)
        if "base64" in record:
            record["value"] = base64.b64decode(record.pop("base64"))
        rig.send(record.pop("topic"), **record)


@pytest.mark.parametrize("awaits", [False, True], ids=["def", "async"])
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, awaits: bool, onceward_rig: Callable[..., Rig]) -> None:
    case = json.loads(file.read_text())
    app = build(case, awaits)
    told: list[onceward.DeadLetter] = []
    if "told" in case["expect"]:

        async def awaited(letter: onceward.DeadLetter) -> None:
            told.append(letter)

        app.on_dead_letter(awaited if awaits else told.append)
    rig = onceward_rig(app, partitions=case.get("partitions"))
    for step in case.get("script", ["send", "run"]):
        if step == "send":
            send(rig, case)
        else:
            getattr(rig, step)()
    compare(case["expect"], rig, told)


def compare(expect: dict[str, Any], rig: Rig, told: list[onceward.DeadLetter]) -> None:
    for name, wanted in expect.items():
        match name:
            case "handled":
                assert rig.handled == wanted
            case "handled_in_any_order":
                assert sorted(rig.handled) == sorted(wanted)
            case "attempts":
                assert {id: rig.attempts(id) for id in wanted} == wanted
            case "letters":
                records(wanted, rig.dead_letters)
            case "held":
                assert [{**asdict(held), "key": held.key and held.key.decode()} for held in rig.held] == wanted
            case "published":
                records(wanted, rig.published)
            case "told":
                summaries(wanted, told)
            case "sql":
                for query, rows in wanted.items():
                    assert rig.sql(query) == [tuple(row) for row in rows]
            case "seconds":
                assert wanted[0] <= rig.now.total_seconds() <= wanted[1]
            case "logs":
                for line in wanted:
                    assert any(matches(line, found) for found in rig.logs), f"no line {line} in {rig.logs}"
            case "silent":
                assert not [line for line in rig.logs for word in wanted if word in line.message + str(line.fields)]
            case _:
                raise AssertionError(f"nothing of that name is compared: {name}")


def records(wanted: list[dict[str, Any]], found: list[Any]) -> None:
    assert len(found) == len(wanted), [(record.topic, record.id) for record in found]
    for expected, record in zip(wanted, found):
        for name, value in expected.items():
            match name:
                case "headers":
                    for header, text in value.items():
                        assert fits(text, record.header(header)), (header, text, record.headers)
                case "base64":
                    assert record.value == base64.b64decode(value)
                case "json":
                    assert record.json() == value
                case "key":
                    assert record.key == value.encode()
                case _:
                    assert getattr(record, name) == value


def summaries(wanted: list[dict[str, Any]], found: list[onceward.DeadLetter]) -> None:
    assert len(found) == len(wanted), found
    assert "SECRET" not in str(found), "a payload was told"
    for expected, letter in zip(wanted, found):
        for name, value in expected.items():
            assert fits(value, getattr(letter, name)), (name, value, letter)


def fits(wanted: str | dict[str, str] | None, found: str | None) -> bool:
    match wanted:
        case {"ends": end}:
            return found is not None and found.endswith(end)
        case {"contains": part}:
            return found is not None and part in found
        case _:
            return found == wanted


def matches(wanted: dict[str, Any], line: LogLine) -> bool:
    fields = wanted.get("fields", {}).items()
    level = wanted.get("level")
    correlated = "correlated" not in wanted or bool(line.fields.get("correlation_id"))
    return (
        wanted["contains"] in line.message
        and (level is None or line.level == level)
        and correlated
        and all(line.fields.get(name) == value for name, value in fields)
    )

"""Exceptions of every kind, and errors of the program."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import onceward
from onceward import _native
from onceward._errors import _CLASSES, ConfigError
from onceward.testing import Rig

Make = Callable[..., onceward.Consumer]
MakeRig = Callable[..., Rig]


def test_every_code_has_a_class() -> None:
    assert set(_native.error_codes()) == set(_CLASSES) | {ConfigError.code}


def test_a_wrong_setting_is_told_with_its_path_and_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        onceward.Consumer(group="g", inbox="sqlite:x.db", auto_offset_reset="earliest", concurrenzy=3, drain_deadline="1 fortnight")  # type: ignore
    paths = [path for path, _ in caught.value.problems]
    assert {"brokers", "concurrenzy", "drain_deadline"} <= set(paths)
    assert "concurrency" in str(caught.value)


def test_a_consumer_without_handlers_does_not_start(consumer: Make) -> None:
    with pytest.raises(ConfigError, match="no handler"):
        consumer().run()


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def deep(depth: int) -> None:
    deep(depth + 1)


def surrogate() -> None:
    raise ValueError("lone \udce9 surrogate")


def unspeakable() -> None:
    raise Unspeakable


def chained() -> None:
    try:
        {}["missing"]
    except KeyError as error:
        raise OSError("outer") from error


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (unspeakable, "tests.test_errors.Unspeakable", "its __str__ raised RuntimeError"),
        (lambda: deep(0), "RecursionError", "recursion"),
        (surrogate, "ValueError", "lone \\udce9 surrogate"),
        (chained, "OSError", "outer"),
        (lambda: {}["no"], "KeyError", "'no'"),
    ],
)
def test_whatever_is_raised_becomes_a_letter(
    consumer: Make, onceward_rig: MakeRig, act: Callable[[], object], kind: str, said: str
) -> None:
    app = consumer()

    @app.on("orders", retry=onceward.Backoff(attempts=1))
    def fail(event: onceward.Event) -> None:
        act()

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    [letter] = rig.dead_letters
    assert (letter.header("kafka_dlt-exception-fqcn") or "").rsplit(".")[-1] == kind.rsplit(".")[-1]
    assert said in (letter.header("kafka_dlt-exception-message") or "")
    if act is chained:
        assert "KeyError" in (letter.header("kafka_dlt-exception-stacktrace") or "")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_the_program_is_no_failure_of_the_event(consumer: Make, onceward_rig: MakeRig, error: BaseException) -> None:
    app = consumer()

    @app.on("orders")
    def leave(event: onceward.Event) -> None:
        raise error

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    with pytest.raises(type(error)):
        rig.run()
    assert rig.dead_letters == []
    assert rig.committed("orders") in (None, 0)


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [(["x", {}], TypeError, r"params\[1\] is a dict"), ([2**70], OverflowError, r"params\[0\]"), ("abc", TypeError, "list or tuple")],
)
def test_a_parameter_that_no_store_has_is_told_at_once(
    consumer: Make, onceward_rig: MakeRig, params: object, error: type[Exception], said: str
) -> None:
    app = consumer()

    @app.on("orders")
    def wrong(event: onceward.Event) -> None:
        with pytest.raises(error, match=said):
            event.effect("SELECT ?", params)  # type: ignore

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert rig.handled == ["e1"]


def test_a_coroutine_that_nobody_awaits_is_no_success(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer()

    async def work(event: onceward.Event) -> None: ...

    app.on("orders", retry=onceward.Backoff(attempts=1))(lambda event: work(event))
    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert "nobody awaits" in (rig.dead_letters[0].header("kafka_dlt-exception-message") or "")


def test_a_failing_statement_is_an_attempt_of_its_event(consumer: Make, onceward_rig: MakeRig) -> None:
    app = consumer(setup_sql=["CREATE TABLE n(id TEXT PRIMARY KEY)"])

    @app.on("orders", retry=onceward.Backoff(attempts=2, first="1s"))
    def insert(event: onceward.Event) -> None:
        event.effect("INSERT INTO n VALUES (?)", [event.json()])

    rig = onceward_rig(app)
    for number, value in enumerate(["a", "a", "b"]):
        rig.send("orders", key=value, json=value, id=f"e{number}")
    rig.run()
    assert [(letter.id, letter.attempts) for letter in rig.dead_letters] == [("e1", 2)]
    assert rig.sql("SELECT id FROM n ORDER BY id") == [("a",), ("b",)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told(consumer: Make) -> None:
    app = consumer()
    app.on("orders")(lambda event: None)
    session = _native.Session('{"config":{"brokers":"a:1","group":"g","inbox":"memory","auto_offset_reset":"earliest"}}')
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session.start(False)
            os.write(write, b"started")
        except onceward.ClosedError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    said = b""
    while part := os.read(read, 4096):
        said += part
    os.waitpid(child, 0)
    assert b"forked" in said

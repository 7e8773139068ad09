"""Exceptions of every kind, and errors of the program."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

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


class Wordless(Exception):
    def __str__(self) -> str:
        return None  # type: ignore


class Nameless(Exception):
    __module__ = None  # type: ignore
    __qualname__ = "Name\udce9less"


def undecodable() -> None:
    b"caf\xe9".decode()


def circular() -> None:
    first, second = OSError("first"), OSError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def raises(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (unspeakable, "tests.test_errors.Unspeakable", "its __str__ raised RuntimeError"),
        (lambda: deep(0), "RecursionError", "recursion"),
        (surrogate, "ValueError", "lone \\udce9 surrogate"),
        (chained, "OSError", "outer"),
        (lambda: {}["no"], "KeyError", "'no'"),
        (raises(Wordless()), "Wordless", "its __str__ raised TypeError"),
        (raises(Nameless("x")), "Name\\udce9less", "x"),
        (raises(OSError(b"caf\xe9", "\x00\x1b[31m")), "OSError", "caf"),
        (undecodable, "UnicodeDecodeError", "can't decode byte 0xe9"),
        (circular, "OSError", "first"),
        (raises(MemoryError()), "MemoryError", ""),
        (raises(ValueError("long " * 1_000_000)), "ValueError", "long long"),
        (raises(asyncio.CancelledError("not by us")), "CancelledError", "not by us"),
        (raises(ExceptionGroup("several", [OSError("inner")]) if sys.version_info >= (3, 11) else OSError("several")), "", "several"),
    ],
)
def test_whatever_is_raised_becomes_a_letter(
    consumer: Make, onceward_rig: MakeRig, act: Callable[[], object], kind: str, said: str, awaits: bool
) -> None:
    app = consumer()

    def fail(event: onceward.Event) -> None:
        act()

    async def fail_awaited(event: onceward.Event) -> None:
        act()

    app.on("orders", retry=onceward.Backoff(attempts=1))(fail_awaited if awaits else fail)
    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    [letter] = rig.dead_letters
    assert kind == "" or (letter.header("kafka_dlt-exception-fqcn") or "").rsplit(".")[-1] == kind.rsplit(".")[-1]
    assert said in (letter.header("kafka_dlt-exception-message") or "")
    if act is chained:
        assert "KeyError" in (letter.header("kafka_dlt-exception-stacktrace") or "")


class Ending(BaseException):
    pass


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Ending()])
def test_what_ends_the_program_is_no_failure_of_the_event(
    consumer: Make, onceward_rig: MakeRig, error: BaseException, awaits: bool
) -> None:
    app = consumer()

    def leave(event: onceward.Event) -> None:
        raise error

    async def leave_awaited(event: onceward.Event) -> None:
        raise error

    app.on("orders")(leave_awaited if awaits else leave)
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_comes_back_from_a_handler_answers_for_nothing(
    consumer: Make, onceward_rig: MakeRig, capfd: pytest.CaptureFixture[str]
) -> None:
    app = consumer()
    children: list[int] = []

    @app.on("orders")
    def fork(event: onceward.Event) -> None:
        if child := os.fork():
            children.append(os.waitpid(child, 0)[1])

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert rig.handled == ["e1"]
    assert [os.waitstatus_to_exitcode(status) for status in children] == [70]
    assert "leave it with os._exit" in capfd.readouterr().err


@pytest.mark.parametrize("after", ["soon", float("nan"), float("inf"), None])
def test_a_wait_that_is_none_is_an_ordinary_failure(consumer: Make, onceward_rig: MakeRig, after: Any) -> None:
    app = consumer()

    @app.on("orders", retry=onceward.Backoff(attempts=2, first="1s"))
    def later(event: onceward.Event) -> None:
        raise onceward.Retry(after=after)

    rig = onceward_rig(app)
    rig.send("orders", id="e1")
    rig.run()
    assert [letter.attempts for letter in rig.dead_letters] == [2]

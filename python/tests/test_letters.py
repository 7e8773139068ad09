"""Hearing of dead letters while they happen."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import onceward
from onceward.testing import Rig

from .kafka import BROKERS, name, needs_broker, send, topic

Make = Callable[..., onceward.Consumer]
MakeRig = Callable[..., Rig]


def refuse(event: onceward.Event) -> None:
    if event.offset % 2 == 0:
        raise onceward.Reject("even")


@pytest.mark.parametrize("awaits", [False, True])
def test_a_function_that_raises_is_logged_and_hears_of_the_next_letter(
    consumer: Make, onceward_rig: MakeRig, caplog: pytest.LogCaptureFixture, awaits: bool
) -> None:
    app, told = consumer(), list[int]()
    app.on("orders")(refuse)

    def page(letter: onceward.DeadLetter) -> None:
        told.append(letter.offset)
        if letter.offset == 0:
            raise SystemExit("no pager")

    async def page_awaited(letter: onceward.DeadLetter) -> None:
        await asyncio.sleep(0)
        page(letter)

    assert app.on_dead_letter(page_awaited if awaits else page) is (page_awaited if awaits else page)
    rig = onceward_rig(app)
    for number in range(5):
        rig.send("orders", id=f"e{number}")
    rig.run()
    assert told == [0, 2, 4]
    [line] = [record for record in caplog.records if "on_dead_letter raised" in record.message]
    assert line.levelno == logging.ERROR and line.exc_info is not None and "no pager" in str(line.exc_info[1])


def test_there_is_one_function(consumer: Make) -> None:
    app = consumer()
    app.on_dead_letter(lambda letter: None)
    with pytest.raises(onceward.ConfigError, match="has a function already"):
        app.on_dead_letter(lambda letter: None)


@needs_broker
@pytest.mark.parametrize("awaits", [False, True])
def test_handlers_go_on_while_the_function_hangs_and_the_end_of_a_run_waits_for_it(tmp_path: Path, awaits: bool) -> None:
    orders, group = topic("orders", 2), name("g")
    send(orders, range(200))
    app = onceward.Consumer(brokers=BROKERS, group=group, inbox=f"sqlite:{tmp_path}/inbox.db", auto_offset_reset="earliest", create_topics=True)
    left, all_handled, told = set(range(200)), threading.Event(), list[onceward.DeadLetter]()

    @app.on(orders)
    def take(event: onceward.Event) -> None:
        number = int(event.id[1:])
        left.discard(number)
        if not left:
            all_handled.set()
        if number % 10 == 0:
            raise onceward.Reject("a round number")

    def page(letter: onceward.DeadLetter) -> None:
        assert all_handled.wait(60), "handlers waited for the function"
        told.append(letter)

    async def page_awaited(letter: onceward.DeadLetter) -> None:
        await asyncio.to_thread(page, letter)

    app.on_dead_letter(page_awaited if awaits else page)
    summary = app.run(until="end")
    assert (summary.handled, summary.dead_letters, len(told)) == (180, 20, 20)
    assert {(letter.group, letter.topic, letter.reason, letter.message) for letter in told} == {(group, orders, "rejected", "a round number")}
    assert len({letter.letter_id for letter in told}) == 20

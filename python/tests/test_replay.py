"""A dead letter's whole story, in a rig."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import onceward
from onceward.testing import HeldKey, Rig

Make = Callable[..., onceward.Consumer]
MakeRig = Callable[..., Rig]


@pytest.fixture
def story(consumer: Make, onceward_rig: MakeRig) -> tuple[Rig, list[bool]]:
    """A poison, an event behind it, and one of another key. The list is filled when the handler is mended."""
    app = consumer(topics={"orders": {"after_dead_letter": "hold", "max_replays": 1}})
    mended: list[bool] = []

    @app.on("orders")
    def handler(event: onceward.Event) -> None:
        if event.value == b"bad" and not mended:
            raise onceward.Reject("not mended")

    rig = onceward_rig(app)
    for id, key, value in [("a1", "a", "bad"), ("a2", "a", "ok"), ("b1", "b", "ok")]:
        rig.send("orders", key=key, value=value, id=id)
    rig.run()
    return rig, mended


def test_a_held_key_is_replayed_in_order_when_the_handler_is_mended(story: tuple[Rig, list[bool]]) -> None:
    rig, mended = story
    assert rig.handled == ["b1"]
    assert rig.held == [HeldKey("orders", 0, b"a", "a1", ["a2"])]
    assert [(letter.id, letter.state, letter.reason) for letter in rig.dead_letters] == [
        ("a1", "open", "rejected"),
        ("a2", "held", "held-behind"),
    ]
    mended.append(True)
    assert rig.replay() == 1
    rig.crash()
    rig.run()
    assert rig.handled == ["b1", "a1", "a2"]
    assert (rig.held, {letter.state for letter in rig.dead_letters}) == ([], {"done"})


def test_a_replay_that_fails_is_counted(story: tuple[Rig, list[bool]]) -> None:
    rig, _ = story
    assert rig.replay(reason="exhausted") == 0
    assert rig.replay(reason="rejected", key="a", partition=0) == 1
    rig.run()
    assert [(letter.state, letter.replays) for letter in rig.dead_letters if letter.id == "a1"][-1] == ("open", 1)
    assert rig.replay() == 0, "max_replays"


def test_what_is_discarded_lets_its_followers_go(story: tuple[Rig, list[bool]]) -> None:
    rig, _ = story
    assert rig.discard(letter=rig.dead_letters[0].letter_id) == 1
    rig.run()
    assert (rig.handled, rig.dead_letters[0].state) == (["b1", "a2"], "discarded")

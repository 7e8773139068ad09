"""Bodies with a type."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import onceward
from onceward.testing import Rig

Make = Callable[..., onceward.Consumer]
MakeRig = Callable[..., Rig]


@dataclass
class Line:
    article: str
    pieces: int = 1


@dataclass
class Address:
    city: str


@dataclass
class Order:
    id: str
    address: Address | None = None
    lines: list[Line] = field(default_factory=list[Line])


def of_pydantic() -> Any:
    pydantic = importlib.import_module("pydantic")
    line = pydantic.create_model("Line", article=(str, ...), pieces=(int, 1))
    address = pydantic.create_model("Address", city=(str, ...))
    return pydantic.create_model("Order", id=(str, ...), address=(address | None, None), lines=(list[line], []))


def of_msgspec() -> Any:
    msgspec = importlib.import_module("msgspec")
    line = msgspec.defstruct("Line", [("article", str), ("pieces", int, 1)])
    address = msgspec.defstruct("Address", [("city", str)])
    return msgspec.defstruct("Order", [("id", str), ("address", address | None, None), ("lines", list[line], [])])


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("make", [lambda: Order, of_pydantic, of_msgspec], ids=["dataclass", "pydantic", "msgspec"])
def test_a_handler_gets_its_model_whatever_wrote_it(consumer: Make, onceward_rig: MakeRig, make: Callable[[], Any], awaits: bool) -> None:
    try:
        model = make()
    except ImportError as absent:
        pytest.skip(f"{absent.name} is not installed")
    app, seen = consumer(), list[tuple[Any, ...]]()

    def take(order: Any, event: onceward.Event) -> None:
        city = order.address.city if order.address else None
        seen.append((event.id, type(order) is model, order.id, city, [(line.article, line.pieces) for line in order.lines]))

    async def awaited(order: Any, event: onceward.Event) -> None:
        take(order, event)

    app.on("orders", model=model)(awaited if awaits else take)
    rig = onceward_rig(app)
    rig.send("orders", id="e1", json={"id": "o1", "address": {"city": "Oslo"}, "lines": [{"article": "a", "pieces": 2}, {"article": "b"}]})
    rig.send("orders", id="e2", json={"id": "o2", "a field that came later": 1})
    rig.send("orders", id="e3", json={"address": {"city": "CANARY"}})
    rig.send("orders", id="e4", json=["CANARY"])
    rig.run()
    assert seen == [("e1", True, "o1", "Oslo", [("a", 2), ("b", 1)]), ("e2", True, "o2", None, [])]
    assert [(letter.id, letter.reason) for letter in rig.dead_letters] == [("e3", "undecodable"), ("e4", "undecodable")]
    assert not [line for line in rig.logs if "CANARY" in line.message or "CANARY" in str(line.fields)], "no value in a log line"

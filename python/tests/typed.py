"""What type checkers say of handlers: read by mypy and pyright, never run. A comment that excuses nothing is an error there."""

from __future__ import annotations

from dataclasses import dataclass

import onceward

app = onceward.Consumer(brokers="x:1", group="g", inbox="memory", auto_offset_reset="earliest")


@dataclass
class Order:
    id: str


@app.on("orders")
def plain(event: onceward.Event) -> None: ...


@app.on("orders", fatal=[ValueError], retry=onceward.Backoff(attempts=1), timeout=1.5)
async def awaited(event: onceward.Event) -> None: ...


@app.on("orders", model=Order)
def body(order: Order) -> None: ...


@app.on("orders", model=Order)
async def body_and_event(order: Order, event: onceward.Event) -> None: ...


@app.on_batch("orders", size=10)
def batch(events: onceward.EventBatch) -> None: ...


@app.on_dead_letter
async def told(letter: onceward.DeadLetter) -> None: ...


# Decorated functions keep their types.
plain(event="no event")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@app.on("orders")  # type: ignore[type-var] # pyright: ignore
def another_type(event: int) -> None: ...


@app.on("orders", model=Order)  # type: ignore[arg-type] # pyright: ignore
def another_model(order: str) -> None: ...


@app.on_batch("orders")  # type: ignore[type-var] # pyright: ignore
def no_batch(event: onceward.Event) -> None: ...


onceward.Consumer(brokers="x:1", group="g", concurrenzy=3)  # type: ignore[call-arg] # pyright: ignore

"""An invoice service: one invoice for each order, an event about it, and people who hear of what could not be invoiced.

    ONCEWARD_BROKERS=localhost:9092 onceward run invoices.py --reload
"""

import logging
import os
from dataclasses import dataclass

import onceward
import onceward.logging

log = logging.getLogger("invoices")

app = onceward.Consumer(
    brokers=os.environ.get("ONCEWARD_BROKERS", "localhost:9092"),
    group="invoices",
    inbox="sqlite:invoices.db",
    auto_offset_reset="earliest",
    create_topics=True,
    setup_sql=["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, customer TEXT, cents INTEGER)"],
)


@dataclass
class Line:
    article: str
    cents: int
    pieces: int = 1


@dataclass
class Order:
    id: str
    customer: str
    lines: list[Line]


class Unknown(Exception):
    """A customer that we do not know yet: it may come, so this is worth another attempt."""


@app.on("orders", model=Order, retry=onceward.Backoff(attempts=3, first="200ms", max="5s"), fatal=[ValueError])
def invoice(order: Order, event: onceward.Event) -> None:
    if order.customer.startswith("new-"):
        raise Unknown(order.customer)
    cents = sum(line.cents * line.pieces for line in order.lines)
    if cents <= 0:
        raise ValueError(f"{cents} cents is no sum for an invoice")
    # Both commit with the mark that this event is handled, or not at all.
    event.effect("INSERT INTO invoice(order_id, customer, cents) VALUES (?, ?, ?)", [order.id, order.customer, cents])
    event.publish("invoices", key=order.customer, json={"order": order.id, "cents": cents})
    log.info("invoiced %s", order.id)


@app.on_dead_letter
def page(letter: onceward.DeadLetter) -> None:
    log.error("given up: %s (%s), see `onceward dlt show %s`", letter.message, letter.error_type, letter.letter_id)


def configure_logging() -> None:
    handler = logging.StreamHandler()
    handler.addFilter(onceward.logging.EventFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s [%(correlation_id)s %(topic)s/%(partition)s/%(offset)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    configure_logging()
    app.run()

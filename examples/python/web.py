"""A web service that takes orders, and confirms them as a consumer of their topic, in one process on one event loop.

    ONCEWARD_BROKERS=localhost:9092 uvicorn web:api
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator

import onceward
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

ORDERS = os.environ.get("ORDERS", "orders")

consumer = onceward.Consumer(
    brokers=os.environ.get("ONCEWARD_BROKERS", "localhost:9092"),
    group="confirmations",
    inbox="sqlite:confirmations.db",
    auto_offset_reset="earliest",
    create_topics=True,
)
confirmed: dict[str, int] = {}


class Order(BaseModel):
    id: str
    cents: int


@consumer.on(ORDERS, model=Order)
async def confirm(order: Order) -> None:
    await asyncio.sleep(0.01)  # as a call of another service
    confirmed[order.id] = order.cents


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with consumer:  # runs beside the requests; when the service stops it drains and commits
        yield


api = FastAPI(lifespan=lifespan)


@api.post("/orders", status_code=202)
async def place(order: Order) -> dict[str, str]:
    # The id makes a client's second try a copy, which no consumer handles twice.
    event = await consumer.publish_async(ORDERS, key=order.id, json=order.model_dump(), id=f"order-{order.id}")
    return {"event": event}


@api.get("/orders/{id}")
async def look(id: str) -> Order:
    if id not in confirmed:
        raise HTTPException(404, "not confirmed yet")
    return Order(id=id, cents=confirmed[id])

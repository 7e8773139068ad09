"""What is known of a registered handler."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._body import parser
from ._native import Event

THREADS, LOOP, LETTERS = 0, 1, 2
"""Channels: where a handler's work waits."""


def is_async(handler: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))


@dataclass
class Handler:
    """One registered handler: its declaration for the core, and how it is called."""

    call: Callable[[Any], Any]
    awaits: bool
    batch: bool
    fatal: tuple[type[BaseException], ...]
    is_fatal: Callable[[BaseException], bool] | None
    declared: dict[str, object]


def with_model(handler: Callable[..., Any], model: Any) -> Callable[[Event], Any]:
    """Calls a handler with the body as an instance of its model; and with the event, if it takes a second argument."""
    parse = parser(model)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    taken = [parameter.kind for parameter in inspect.signature(handler).parameters.values() if parameter.kind in positional]
    if len(taken) > 1 or inspect.Parameter.VAR_POSITIONAL in taken:
        return lambda event: handler(parse(event.body or b""), event)
    return lambda event: handler(parse(event.body or b""))

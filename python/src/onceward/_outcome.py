"""From an exception to what the loop is told. Nothing here may raise, whatever the exception is made of."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import NamedTuple

from ._backoff import seconds_of
from ._errors import DecodeError, Reject, Retry

LONGEST = 16_384
"""Characters of a stack trace that are kept: its end says most."""


class Told(NamedTuple):
    """The arguments of `fail`."""

    verdict: str
    kind: str
    message: str
    stack: str
    names: list[str]
    after: float | None


def text(value: object) -> str:
    """The text of anything, even if it has none."""
    try:
        shown = str(value)
    except BaseException as error:  # whatever a __str__ does must not become the event's fate
        shown = f"(no text: its __str__ raised {type(error).__name__})"
    return shown.encode("utf-8", "backslashreplace").decode()


def name(kind: type) -> str:
    """The name of a type, with its module unless it is built in."""
    path = kind.__qualname__
    return text(path if kind.__module__ == "builtins" else f"{kind.__module__}.{path}")


def stack(error: BaseException) -> str:
    """The stack trace, causes included, as far as it can be written."""
    try:
        written = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=64))
    except BaseException as failure:
        written = f"(no stack trace: writing it raised {type(failure).__name__})"
    if isinstance(error, DecodeError) and error.detail:
        written += f"\n{text(error.detail)}"
    return text(written)[-LONGEST:]


def escapes(error: BaseException) -> bool:
    """Whether it ends the program rather than an attempt: SystemExit, KeyboardInterrupt and their like."""
    import asyncio

    return not isinstance(error, (Exception, asyncio.CancelledError))


def told(error: BaseException, fatal: tuple[type[BaseException], ...], is_fatal: Callable[[BaseException], bool] | None) -> Told:
    """What became of an attempt that raised."""
    kind, message = name(type(error)), text(error)
    names = [name(above) for above in type(error).__mro__[1:] if above is not object]
    if escapes(error):
        return Told("stop", kind, f"a handler raised {kind}, which ends the program; its event is handled after the next start", "", [], None)
    if isinstance(error, Reject):
        return Told("reject", "Reject", message, "", [], None)
    if isinstance(error, DecodeError):
        return Told("undecodable", kind, message, stack(error), names, None)
    if isinstance(error, Retry):
        try:
            return Told("retry", "Retry", message, stack(error), [], seconds_of(error.after))
        except (ValueError, TypeError, OverflowError) as wrong:
            return Told("failed", kind, f"{message}: {text(wrong)}", stack(error), names, None)
    verdict = "failed"
    if isinstance(error, fatal):
        verdict = "reject"
    elif is_fatal is not None:
        try:
            verdict = "reject" if is_fatal(error) else "failed"
        except BaseException:
            # A predicate that raises has not said that the failure is fatal.
            verdict = "failed"
    return Told(verdict, kind, message, stack(error), names, None)

"""What can go wrong, and what a handler can say by raising."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar


class OncewardError(Exception):
    """Base of every error of this package. `code` is one of a closed list, the same in every language."""

    code: ClassVar[str] = ""


class ConfigError(OncewardError):
    """The configuration is wrong. `problems` has all of them: pairs of field path and message."""

    code = "config"
    problems: list[tuple[str, str]]

    def __init__(self, message: str, problems: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


class InboxError(OncewardError):
    """The inbox can't be used."""

    code = "inbox"


class BrokerError(OncewardError):
    """Kafka said no, or nothing."""

    code = "broker"


class TopicsError(OncewardError):
    """Topics are missing or do not fit."""

    code = "topics"


class HaltedError(OncewardError):
    """A partition halted, or the program can't go on."""

    code = "halted"


class ClosedError(OncewardError):
    """The consumer is stopped, or belongs to another process."""

    code = "closed"


class DecodeError(OncewardError):
    """A value is not what the handler expects. Raised in a handler, it gives the event up at once, with the reason `undecodable`.

    Its text tells kind and place, never the value: texts are logged. The letter has the whole story, beside the value.
    """

    code = "decode"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class Retry(Exception):
    """Raised in a handler: another attempt after this long, instead of the policy's wait. It counts as an attempt.

    `after` is a text as `"5s"`, a timedelta, or seconds.
    """

    def __init__(self, message: str = "", *, after: str | float | timedelta) -> None:
        super().__init__(message or "the handler asked for another attempt")
        self.after = after


class Reject(Exception):
    """Raised in a handler: the event is given up at once, with the reason `rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


_CLASSES: dict[str, type[OncewardError]] = {
    error.code: error for error in (InboxError, BrokerError, TopicsError, HaltedError, ClosedError)
}


def from_code(code: str, message: str, problems: list[tuple[str, str]]) -> OncewardError:
    """The exception of a code that crossed the border."""
    if code == ConfigError.code:
        return ConfigError(message, problems)
    return _CLASSES.get(code, OncewardError)(message)

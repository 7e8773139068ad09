"""Lines of the core go where the program's own go: into `logging`, as loggers `onceward` and below."""

from __future__ import annotations

import logging
import threading

from ._native import collect_logs, next_logs, wake_logs

_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG, "TRACE": 5}
_NUMBERS = {"partition", "offset", "attempt"}

_lock = threading.Lock()
_users = 0
_stopping = threading.Event()
_thread: threading.Thread | None = None


def start() -> None:
    """Begins to pass lines on, at the level that the logger `onceward` has now. Consumers of one process share this."""
    global _users, _thread
    level = logging.getLogger("onceward").getEffectiveLevel()
    collect_logs(next((name for name, number in _LEVELS.items() if number <= level), "TRACE"))
    with _lock:
        _users += 1
        if _users == 1:
            _stopping.clear()
            _thread = threading.Thread(target=_pump, name="onceward-logs", daemon=True)
            _thread.start()


def stop() -> None:
    """Passes the last lines on."""
    global _users
    with _lock:
        _users -= 1
        thread = _thread if _users == 0 else None
        if thread is not None:
            _stopping.set()
    if thread is not None and thread is not threading.current_thread():
        wake_logs()
        thread.join(5.0)
        _drain()


def _pump() -> None:
    while not _stopping.is_set():
        _write(next_logs(1_000, 1.0))


def _drain() -> None:
    while lines := next_logs(1_000, 0.0):
        _write(lines)


def _write(lines: list[tuple[str, str, str, float, list[tuple[str, str]]]]) -> None:
    for level, target, message, at, fields in lines:
        logger = logging.getLogger(target.replace("::", "."))
        number = _LEVELS.get(level, logging.INFO)
        if not logger.isEnabledFor(number):
            continue
        # Names that a LogRecord has itself are not ours to overwrite. The innermost field of a name counts.
        extra: dict[str, object] = {}
        for name, value in fields:
            if name not in extra and name not in _RESERVED:
                extra[name] = int(value) if name in _NUMBERS and value.lstrip("-").isdigit() else value
        record = logger.makeRecord(logger.name, number, "", 0, message, (), None, extra=extra)
        record.created = at
        record.msecs = (at % 1) * 1000
        logger.handle(record)


_RESERVED = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime"}

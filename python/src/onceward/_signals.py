"""SIGINT and SIGTERM, while a run waits in the main thread."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from ._native import Session


class Signals:
    """The first SIGINT or SIGTERM drains, the second one ends the process at once. Only in the main thread; what was there before comes
    back afterwards."""

    def __init__(self, session: Session, wanted: bool = True) -> None:
        self._session = session
        self._before: dict[signal.Signals, Any] = {}
        self._wanted = wanted and threading.current_thread() is threading.main_thread()
        self._asked = False

    def __enter__(self) -> None:
        if self._wanted:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._heard)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        self._session.stop()

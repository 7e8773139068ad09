"""Exceptions that end the program: raised again where the program waits."""

from __future__ import annotations

import threading

from ._outcome import escapes


class Escape:
    """Keeps the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: BaseException | None = None

    def note(self, error: BaseException) -> None:
        if escapes(error):
            with self._lock:
                self._error = self._error or error

    def raise_again(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

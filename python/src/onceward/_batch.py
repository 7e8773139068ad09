"""Events that are handled in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from ._context import current
from ._native import Batch, Event
from ._outcome import told


class EventBatch(Sequence[Event]):
    """Several events for one call of a batch handler: of one topic, of any of its partitions; those of one key in order.

    `for event in batch` makes each the current one, so that log lines of the loop's body carry its correlation id.
    """

    def __init__(self, held: Batch, fatal: tuple[type[BaseException], ...]) -> None:
        self._held = held
        self._events = held.events()
        self._fatal = fatal

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        event: Event | None = None
        try:
            for event in self._events:
                current.set(event)
                yield event
        finally:
            # An iterator that was dropped may be closed while somebody else's event is at hand.
            if current.get() is event:
                current.set(None)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._events[index]

    def fail(self, position: int, error: BaseException) -> None:
        """Says that one event failed, by its position; the others are not concerned, except those behind it that have its key."""
        if not 0 <= position < len(self._events):
            raise IndexError(f"there is no event at {position}; the batch has {len(self._events)}")
        self._held.fail(position, *told(error, self._fatal, None))

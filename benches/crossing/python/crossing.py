"""What crossing the border costs per record: CPU of the one thread that takes runs, calls a handler that does nothing, and answers.

In a rig, without a broker, with the installed package: `python benches/crossing/python/crossing.py`. `native` asks for each event and does
nothing with it; `def` is everything that a handler gets, a context of its own and the event for log lines included.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any

import onceward
from onceward import _threads
from onceward.testing import Rig

COUNT, ROUNDS = 50_000, 3


def measure(native: bool) -> float:
    """Microseconds per record."""
    app = onceward.Consumer(brokers="x:1", group="g", inbox="sqlite:unused.db", auto_offset_reset="earliest")
    app.on("orders")(lambda event: None)
    spent: list[float] = []
    events = [0]

    def taken(self: Any, run: Any, handler: Any) -> None:
        before = time.thread_time_ns()
        if native:
            for _ in run:
                pass
        else:
            plain(self, run, handler)
        spent.append(time.thread_time_ns() - before)

    plain, _threads.Threads._run = _threads.Threads._run, taken  # type: ignore
    try:
        with Rig(app) as rig:
            # One key: long runs, so that the clock's own cost does not count.
            for number in range(COUNT):
                rig.send("orders", key="k", value=b"x" * 240, headers=[("onceward-id", str(number))])
            rig.run()
            events[0] = len(rig.handled)
    finally:
        _threads.Threads._run = plain  # type: ignore
    assert events[0] == COUNT and threading.active_count() < 10
    return sum(spent) / COUNT / 1_000


def main() -> None:
    for name, native in [("native", True), ("def", False)]:
        found = [measure(native) for _ in range(ROUNDS)]
        print(f"{name:<8} {statistics.median(found):.2f} µs per record ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main()

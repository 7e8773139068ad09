"""A handler that forks: its child has a copy of the event, and must not be the one who answers for it."""

from __future__ import annotations

import os
import sys

here = object()
"""Another one in a child. To be compared by who can't afford a call for each event."""

_in_child = False


def _forked() -> None:
    global here, _in_child
    here, _in_child = object(), True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def leave_child() -> None:
    """Ends a child that came back from a handler. The parent answers for the event."""
    if _in_child:
        print("onceward: a process that a handler forked came back from that handler; it ends here: leave it with os._exit", file=sys.stderr)
        sys.stderr.flush()
        os._exit(70)

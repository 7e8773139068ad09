"""The trace of an event becomes the current one of OpenTelemetry, if that is installed: spans of a handler nest below its attempt."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

attached: Callable[[Any], AbstractContextManager[None]] | None
"""While it lasts, the event's trace is the current one. None: OpenTelemetry is not installed."""

try:
    from opentelemetry import context as _context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    attached = None
else:
    _PROPAGATOR = TraceContextTextMapPropagator()

    class _Attached(AbstractContextManager[None]):
        def __init__(self, event: Any) -> None:
            parent = event.traceparent
            self._context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None

        def __enter__(self) -> None:
            self._token = _context.attach(self._context) if self._context is not None else None

        def __exit__(self, *_: object) -> None:
            if self._token is not None:
                _context.detach(self._token)

    attached = _Attached

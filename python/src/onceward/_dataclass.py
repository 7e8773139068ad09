"""Dataclasses from JSON: as far as a body needs it, and no further. Who wants validation takes pydantic or msgspec."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

Part = Callable[[Any], Any]


class Maker:
    """Makes instances of a dataclass. Fields that it does not know are left out: a producer may add some."""

    def __init__(self, model: Any, known: dict[Any, Maker] | None = None) -> None:
        self._model = model
        self._known = {} if known is None else known
        self._known[model] = self
        self._parts: dict[str, Part | None] | None = None
        try:
            # Now, while the module that its annotations refer to is sure to be there.
            self._parts = self._learn(get_type_hints(model))
        except NameError:
            # They name what is defined further below; the first event comes later.
            pass

    def __call__(self, found: Any) -> Any:
        if self._parts is None:
            try:
                self._parts = self._learn(get_type_hints(self._model))
            except NameError:
                # Names that only a function knows: such a class has no dataclasses within.
                self._parts = self._learn({})
        if not isinstance(found, dict):
            raise TypeError(f"{type(found).__name__} is no object")
        made = {name: found[name] if part is None else part(found[name]) for name, part in self._parts.items() if name in found}
        return self._model(**made)

    def _learn(self, hints: dict[str, Any]) -> dict[str, Part | None]:
        return {field.name: self._part(hints.get(field.name)) for field in dataclasses.fields(self._model) if field.init}

    def _part(self, hint: Any) -> Part | None:
        """A dataclass within, also if it is optional or in a list; everything else is as JSON has it."""
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            maker = self._known.get(hint) or Maker(hint, self._known)
            return lambda value: maker(value) if isinstance(value, dict) else value
        inner = next((part for part in map(self._part, get_args(hint)) if part is not None), None)
        if inner is None:
            return None
        return lambda value: [inner(item) for item in value] if isinstance(value, list) else inner(value)

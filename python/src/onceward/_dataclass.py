"""Dataclasses from JSON: as far as a body needs it, and no further. Who wants validation takes pydantic or msgspec."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, cast, get_args, get_type_hints

Part = Callable[[Any], Any]


def is_dataclass(model: object) -> bool:
    """Whether it is such a class, and not an instance of one."""
    return isinstance(model, type) and dataclasses.is_dataclass(model)


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
        fields = cast("dict[str, Any]", found)
        made = {name: fields[name] if part is None else part(fields[name]) for name, part in self._parts.items() if name in fields}
        return self._model(**made)

    def _learn(self, hints: dict[str, Any]) -> dict[str, Part | None]:
        return {field.name: self._part(hints.get(field.name)) for field in dataclasses.fields(self._model) if field.init}

    def _part(self, hint: Any) -> Part | None:
        """A dataclass within, also if it is optional or in a list; everything else is as JSON has it."""
        if is_dataclass(hint):
            maker = self._known.get(hint) or Maker(hint, self._known)
            return lambda value: maker(value) if isinstance(value, dict) else value
        inner = next((part for part in map(self._part, get_args(hint)) if part is not None), None)
        if inner is None:
            return None

        def within(value: Any) -> Any:
            if isinstance(value, list):
                return [inner(item) for item in cast("Iterable[Any]", value)]
            return inner(value)

        return within

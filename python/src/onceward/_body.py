"""Values as Python objects, and back."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from ._errors import DecodeError


def loads(value: bytes) -> Any:
    """JSON. A DecodeError tells the place and not the value."""
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise DecodeError(f"the value is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the value is not JSON: {type(error).__name__}") from None


def dumps(value: object) -> bytes:
    """JSON as other services write it: UTF-8, no spaces, no NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def body(value: object, json: object) -> object:
    """What is published: `value`, or `json` written as JSON."""
    if json is None:
        return value
    if value is not None:
        raise TypeError("publish takes value= or json=, not both")
    return dumps(json)


def parser(model: Any) -> Callable[[bytes], Any]:
    """Reads values as instances of a model: pydantic, msgspec, a dataclass, or any callable that takes what JSON gave."""
    name = getattr(model, "__name__", str(model))

    def guarded(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def read(value: bytes) -> Any:
            try:
                return parse(value)
            except DecodeError:
                raise
            except Exception as error:
                # Texts of validation errors quote values; they belong into the letter, not into a log line.
                raise DecodeError(f"the value is not what {name} expects ({type(error).__name__})", detail=str(error)) from error

        return read

    if hasattr(model, "model_validate_json"):
        return guarded(model.model_validate_json)
    if hasattr(model, "__struct_fields__"):
        import msgspec

        decoder = msgspec.json.Decoder(model)
        return guarded(decoder.decode)
    if dataclasses.is_dataclass(model) and isinstance(model, type):
        return guarded(lambda value: _built(model, loads(value)))
    return guarded(lambda value: model(loads(value)))


def _built(model: Any, found: Any) -> Any:
    """A dataclass from a JSON object. Fields that it does not know are left out: a producer may add some."""
    hints = _hints(model)
    names = [field.name for field in dataclasses.fields(model) if field.init and field.name in found]
    return model(**{name: _part(hints.get(name), found[name]) for name in names})


def _part(hint: Any, value: Any) -> Any:
    """A dataclass within a dataclass, also if it is optional or in a list; everything else as JSON has it."""
    if isinstance(value, list):
        return [_part(part, item) for part in get_args(hint)[:1] for item in value] if get_args(hint) else value
    if isinstance(value, dict):
        inner = next((kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and dataclasses.is_dataclass(kind)), None)
        return value if inner is None else _built(inner, value)
    return value


@functools.cache
def _hints(model: Any) -> dict[str, Any]:
    try:
        return get_type_hints(model)
    except NameError:
        # Annotations that name what only a function knows: such a class has no dataclasses within.
        return {}

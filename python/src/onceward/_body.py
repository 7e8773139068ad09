"""Values as Python objects, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ._dataclass import Maker, is_dataclass
from ._errors import DecodeError


def loads(value: bytes) -> Any:
    """JSON. A DecodeError tells the place and not the value."""
    try:
        # As every other language reads it: UTF-8 only, without a mark in front.
        return _DECODER.decode(value.decode())
    except json.JSONDecodeError as error:
        raise DecodeError(f"the value is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"the value is not JSON: {type(error).__name__}") from None


def _refuse(name: str) -> Any:
    raise DecodeError(f"the value is not JSON: {name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


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
    make: Callable[[Any], Any] = Maker(model) if is_dataclass(model) else model
    return guarded(lambda value: make(loads(value)))

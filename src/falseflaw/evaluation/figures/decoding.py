"""Dataclasses from the JSON that `dataclasses.asdict` gave."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def decode(kind: type[T], value: object, where: str = "") -> T:
    """Builds a dataclass, and those inside it, from plain values.

    Fields may be dataclasses, tuples of one type, dicts with text as keys, unions with None, and plain
    types. Keys that no field has are left aside.

    Args:
        kind: What to build.
        value: What `json.loads` gave.
        where: Its place, for the message.

    Raises:
        ValueError: A field is missing or of another type; the message names its place.
    """
    decoded: T = _decode(kind, value, where)
    return decoded


def _decode(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        if value is None and type(None) in arguments:
            return None
        (kind,) = (argument for argument in arguments if argument is not type(None))
        return _decode(kind, value, where)
    if origin is tuple:
        _check(isinstance(value, Sequence) and not isinstance(value, str), "a list", value, where)
        return tuple(_decode(arguments[0], item, f"{where}[{at}]") for at, item in enumerate(value))
    structured = is_dataclass(kind)
    if origin is dict or structured:
        _check(isinstance(value, Mapping), "an object", value, where)
    if origin is dict:
        return {name: _decode(arguments[1], item, f"{where}.{name}") for name, item in value.items()}
    if structured:
        found = {}
        for name, hint, required in _fields(kind):
            if name in value:
                found[name] = _decode(hint, value[name], f"{where}.{name}".lstrip("."))
            elif required:
                raise ValueError(f"{f'{where}.{name}'.lstrip('.')!r} is missing")
        return kind(**found)
    number = kind is float and isinstance(value, int) and not isinstance(value, bool)
    _check(number or type(value) is kind, f"a value of type {kind.__name__}", value, where)
    return float(value) if number else value


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Returns name, type and whether it has to be given of every field."""
    hints = get_type_hints(kind)
    return tuple(
        (field.name, hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
    )


def _check(fits: bool, wanted: str, value: object, where: str) -> None:
    if not fits:
        raise ValueError(f"expected {wanted} at {where or 'its top'}, got {str(value)[:40]!r}")

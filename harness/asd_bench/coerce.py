"""Values as the types that a configuration dataclass declares: read from text, YAML and defaults alike.

The types that a field may have: bool, int, float, str, Literal, tuples of these, and unions of these with None.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, Literal

from asd_bench.errors import BenchError


@functools.cache
def type_hints(schema: Any) -> dict[str, Any]:
    """The declared types of a configuration class's fields, by name."""
    return typing.get_type_hints(schema)


def default_values(schema: Any, title: str) -> dict[str, Any]:
    """A configuration dataclass's defaults, in the form in which a user's values come, so that both give the same key.

    Args:
        schema: the configuration class.
        title: how messages call the part that it configures.

    Raises:
        BenchError: it is no dataclass, or a field has an unreadable type or no default that a user could set.
    """
    try:
        hints, default = type_hints(schema), schema()
        fields = dataclasses.fields(schema)
    except Exception as error:
        what = "is no dataclass with readable types and a default for every field"
        raise BenchError(f"the configuration of {title} {what}: {error}", where=schema) from error
    values = {}
    for item in fields:
        value, name = getattr(default, item.name), f"{title}.{item.name}"
        values[item.name] = coerce(value, hints[item.name], name, "default")
        if values[item.name] != value:
            raise BenchError(f"the default {value!r} of {name} would be read as {values[item.name]!r}", where=schema)
    return values


def coerce(value: Any, type_: Any, name: str, origin: str) -> Any:
    """A value as the declared type, read from text where it is text.

    Raises:
        BenchError: it cannot be of that type.
    """
    origin_type = typing.get_origin(type_)
    if origin_type in (typing.Union, types.UnionType):
        return _coerce_union(value, type_, name, origin)
    if origin_type is Literal:
        for choice in typing.get_args(type_):
            if value == choice or str(value) == str(choice):
                return choice
        raise _wrong(value, f"one of {', '.join(str(choice) for choice in typing.get_args(type_))}", name, origin)
    if origin_type is tuple:
        items = _split(value) if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise _wrong(value, "a list", name, origin)
        elements = typing.get_args(type_)
        if elements[-1] is Ellipsis:
            elements = (elements[0],) * len(items)
        if len(items) != len(elements):
            raise _wrong(value, f"a list of {len(elements)}", name, origin)
        return tuple(coerce(item, element, name, origin) for item, element in zip(items, elements, strict=True))
    if type_ is bool:
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise _wrong(value, "true or false", name, origin)
    if type_ is str and isinstance(value, str):
        return value
    if type_ in (int, float) and not isinstance(value, bool):
        # PyYAML reads 1e-3 as a string, so numbers are read here, by the field's type.
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if type_ is float and abs(number) < float("inf"):
            return number
        if type_ is int and number == number // 1 and abs(number) < 2**53:
            return int(number)
    raise _wrong(value, {int: "a whole number", float: "a number", str: "text"}.get(type_, str(type_)), name, origin)


def _coerce_union(value: Any, type_: Any, name: str, origin: str) -> Any:
    options = typing.get_args(type_)
    is_none = value is None or (isinstance(value, str) and value.lower() in ("none", "null", "~"))
    if is_none and type(None) in options:
        return None
    for option in options:
        if option is not type(None):
            try:
                return coerce(value, option, name, origin)
            except BenchError:
                continue
    raise _wrong(value, str(type_), name, origin)


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.strip().strip("[]()").split(",") if item.strip()]


def _wrong(value: Any, wanted: str, name: str, origin: str) -> BenchError:
    return BenchError(f"{name} must be {wanted}, got {value!r}", where=origin)

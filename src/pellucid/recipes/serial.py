"""Recipes as JSON and back, so that a run folder says exactly what was run, and can be run from."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pellucid.tasks import TASKS
from pellucid.types.errors import InputError

T = TypeVar("T")


def to_dict(value: Any) -> Any:
    """A dataclass tree as dicts, lists, strings and numbers. Task settings carry their registry name as
    "kind".
    """
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_dict(getattr(value, field.name)) for field in dataclasses.fields(value)}
        kind = next((name for name, task in TASKS.items() if isinstance(value, task)), None)
        return fields if kind is None else {"kind": kind, **fields}
    if isinstance(value, Path):
        return str(value)
    return [to_dict(item) for item in value] if isinstance(value, (list, tuple)) else value


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass that `to_dict` wrote. A field added since has its default; one that is gone is an
    `InputError`.
    """
    read: T = _read(kind, values, kind.__name__)
    return read


def _read(kind: Any, value: Any, where: str) -> Any:
    """`value` as the type `kind`, as far as recipes use types. Raises `InputError` naming `where` it does not
    fit.
    """
    origin = get_origin(kind)
    if isinstance(value, Mapping) and "kind" in value:
        kind, value = TASKS[value["kind"]], {key: item for key, item in value.items() if key != "kind"}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        hints = get_type_hints(kind)
        unknown = sorted(set(value) - {field.name for field in dataclasses.fields(kind)})
        if unknown:
            raise InputError(
                f"{where} has the field {unknown[0]!r}, which this version of Pellucid does not know"
            )
        return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()})
    if origin in (Union, types.UnionType):
        choices = get_args(kind)
        return None if value is None else _read(_fitting(choices, value), value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(get_args(kind)[0], item, where) for item in value)
    if kind is Path:
        return Path(value)
    if kind is float and isinstance(value, (int, str)):
        return float(value)  # JSON has no infinity; it is written as a word
    return value


def _fitting(choices: tuple[Any, ...], value: Any) -> Any:
    """Which of a union's types a JSON value is meant as."""
    if isinstance(value, list):
        return next(choice for choice in choices if get_origin(choice) is tuple)
    if isinstance(value, str):
        return next(choice for choice in choices if choice in (str, Path) or get_origin(choice) is Literal)
    return next(choice for choice in choices if choice not in (type(None), str, Path))


def first_difference(one: Any, other: Any, where: str = "") -> str:
    """The first field in which two written recipes differ, in words; empty if they do not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            found = first_difference(one.get(key), other.get(key), f"{where}.{key}" if where else str(key))
            if found:
                return found
        return ""
    return "" if one == other else f"{where} was {one!r}, now {other!r}"

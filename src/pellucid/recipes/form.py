"""A recipe as a form: every field with its name on the command line, type, choices, value and explanation."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pellucid.recipes.recipe import Recipe
from pellucid.runs.atomic import PARSING

Kind = Literal["flag", "whole", "number", "text", "choice", "list"]


@dataclass(frozen=True)
class FormField:
    """`name` is the option's, `optim.lr`. `value` is what stands there now, as it would be typed, "" for
    nothing. `optional` fields may be left empty.
    """

    name: str
    kind: Kind
    value: str
    choices: tuple[str, ...]
    optional: bool
    help: str


def form_of(recipe: Recipe) -> tuple[FormField, ...]:
    """The fields of `recipe`; those of `training` by their bare names, as on the command line."""
    return tuple(form_fields(recipe, ""))


def form_fields(settings: Any, before: str) -> Iterator[FormField]:
    """The fields of any settings, their names after `before`."""
    hints, told = get_type_hints(type(settings)), explanations(cast(Hashable, type(settings)))
    for field in dataclasses.fields(settings):
        value, hint = getattr(settings, field.name), hints[field.name]
        name = f"{before}{field.name}".replace("_", "-")
        if dataclasses.is_dataclass(value):
            bare = isinstance(settings, Recipe) and field.name == "training"
            yield from form_fields(value, "" if bare else f"{name}.")
        elif not (isinstance(settings, Recipe) and field.name == "name"):
            kind, choices, optional = _kind(hint)
            yield FormField(name, kind, typed(value), choices, optional, told.get(field.name, ""))


def typed(value: Any) -> str:
    """A value as it is typed on the command line."""
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return " ".join(map(typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def options_of(name: str, kind: Kind, value: str) -> list[str]:
    """The words of the command line that set a field to what was typed into it."""
    if kind == "flag":
        head, dot, last = name.rpartition(".")
        return [f"--{name}" if value == "True" else f"--{head}{dot}no-{last}"]
    return [f"--{name}", *(value.split() if kind == "list" else [value or "None"])]


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...], bool]:
    """(kind, choices, optional) of a type."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    optional = type(None) in parts
    parts = tuple(part for part in parts if part is not type(None))
    literals = [str(each) for part in parts if get_origin(part) is Literal for each in get_args(part)]
    if literals and len(parts) == 1:
        return "choice", tuple(literals), optional
    if any(get_origin(part) is tuple for part in parts):
        return "list", tuple(literals), optional
    simple: dict[Any, Kind] = {bool: "flag", int: "whole", float: "number", str: "text", Path: "text"}
    return simple.get(parts[0], "text"), tuple(literals), optional


@cache
def explanations(settings: Hashable) -> dict[str, str]:
    """The words under each field of a dataclass, of those it inherits too."""
    found: dict[str, str] = {}
    for each in reversed(inspect.getmro(cast(type, settings))):
        if not dataclasses.is_dataclass(each):
            continue
        with PARSING:
            body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        if not isinstance(body, ast.ClassDef):
            continue
        for one, after in zip(body.body, body.body[1:], strict=False):
            match one, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ):
                    found[name] = " ".join(words.split())
    return found

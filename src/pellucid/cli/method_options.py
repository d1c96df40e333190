"""A method's options from the command line, by the names and types of its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pellucid.types.errors import InputError, unknown_name

_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def options_of(method: Callable[..., Any]) -> Mapping[str, Any]:
    """The types of what can be set about a method, by name; where it looks, and how the network sees
    pictures, is no option.
    """
    hints = get_type_hints(method)
    parameters = inspect.signature(method).parameters.values()
    given = ("layer", "preprocessing")
    own = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in given]
    return {name: hints[name] for name in own}


def read_options(methods: Mapping[str, Callable[..., Any]], said: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The options NAME=VALUE for each of the methods that has one of that name. Raises `InputError` for a
    name that none has, and for a value of another type.
    """
    known = {name: options_of(method) for name, method in methods.items()}
    read: dict[str, dict[str, Any]] = {name: {} for name in methods}
    for text in said:
        option, equals, value = text.partition("=")
        option = option.strip().replace("-", "_")
        if not equals:
            raise InputError(f"--option is NAME=VALUE, batch=64 say; got {text!r}")
        having = [name for name in methods if option in known[name]]
        if not having:
            there = {each for options in known.values() for each in options}
            if not there:
                raise InputError(f"{next(iter(methods))} has no options; got {text!r}")
            whose = f"option of {next(iter(methods))}" if len(methods) == 1 else "option"
            raise unknown_name(whose, option, there)
        for name in having:
            read[name][option] = _value(value.strip(), known[name][option], option)
    return read


def _value(text: str, kind: Any, option: str) -> Any:
    for each in _plain(kind):
        if each is NoneType and text.lower() == "none":
            return None
        if each is bool and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if each is str or (each not in _KINDS and text == each):
            return text
        if each in (int, float):
            try:
                return each(text)
            except ValueError:
                continue
    words = " or ".join(_KINDS.get(each, str(each)) for each in _plain(kind) if each is not NoneType)
    raise InputError(f"--option {option} is {words or 'not to be set here'}; got {text!r}")


def _plain(kind: Any) -> list[Any]:
    """A type's alternatives: of a union its parts, of a Literal its words."""
    if get_origin(kind) in (Union, UnionType):
        return [part for each in get_args(kind) for part in _plain(each)]
    return list(get_args(kind)) if get_origin(kind) is Literal else [kind]

"""Targets as text: `207`, `golden retriever`, `207-208`, `2*207+0.5*208`, `likeliest-second`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pellucid.explain.target import Target, class_logit, likeliest, spoken
from pellucid.types.errors import InputError, unknown_name

_FACTOR = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*[*×]")
_SIGN = re.compile(r"\s*([+−-])")
_PLACES = {"likeliest": 1, "second": 2, "third": 3}


def parse_target(text: str, classes: Sequence[str] = ()) -> Target:
    """The target that `text` says: classes by number or name, `likeliest`, `second` and `third` for what
    the network finds so, added, subtracted and scaled.

    A name of `classes` may be written in any case, with spaces for `_`, and without ImageNet's number in
    front of it; it goes before a number. Raises `InputError` for anything else.
    """
    names = _by_name(classes)
    rest, found = text, None
    while rest.strip() or found is None:
        sign = _SIGN.match(rest)
        if sign is None and found is not None:
            raise _misread(text, rest)
        rest = rest[sign.end() :] if sign else rest
        factor = _FACTOR.match(rest)
        rest = rest[factor.end() :] if factor else rest
        term, rest = _term(text, rest, names, classes)
        if factor:
            term = float(factor[1]) * term
        if sign is not None and sign[1] != "+":
            found = -term if found is None else found - term
        else:
            found = term if found is None else found + term
    return found


def _term(text: str, rest: str, names: dict[str, int], classes: Sequence[str]) -> tuple[Target, str]:
    """The longest class that `rest` begins with, and what comes after it: names have signs in them too."""
    for end in range(len(rest), 0, -1):
        word, after = _plain(rest[:end]), rest[end:]
        if after and not _SIGN.match(after):
            continue
        if word in names:
            return class_logit(names[word], classes), after
        if word.isdecimal():
            return class_logit(int(word), classes), after
        if word in _PLACES:
            return likeliest(classes, _PLACES[word]), after
    word = _SIGN.split(rest)[0].strip()
    if word and names:
        raise unknown_name("class", word, names, shown_by="pellucid predict")
    raise _misread(text, rest)


def _by_name(classes: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, name in enumerate(classes):
        found.setdefault(_plain(spoken(name)), number)
    return {**found, **{_plain(name): number for number, name in enumerate(classes)}}


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def _misread(text: str, rest: str) -> InputError:
    where = f" at {rest.strip()!r}" if rest.strip() else ""
    return InputError(
        f"a target is a class by number or name, or several as in 2*207+0.5*208 or 207-208; "
        f"got {text!r}, which ends otherwise{where}"
    )

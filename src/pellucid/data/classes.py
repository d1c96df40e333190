"""Classes that a file says, `classes.txt`: one a line, in the order of a network's outputs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pellucid.types.errors import InputError

CLASSES = "classes.txt"
_AFTER = "_- "  # what may separate a class from the rest of a file's name, besides digits


@dataclass(frozen=True)
class ClassNames:
    """Classes in the order of a network's outputs, found by what files and folders are called."""

    names: tuple[str, ...]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def _wordnet(self) -> dict[str, int]:
        """ImageNet's classes by their number in WordNet, which is theirs alone."""
        found = [(_wordnet(name), number) for number, name in enumerate(self.names)]
        counts = Counter(identity for identity, _ in found)
        return {identity: number for identity, number in found if identity and counts[identity] == 1}

    def called(self, name: str) -> int | None:
        """The number of the class with this name, or with its WordNet number, like `n01440764`."""
        return self._numbers.get(name, self._wordnet.get(_wordnet(name)))

    def beginning(self, stem: str) -> int | None:
        """The number of the class that `stem` begins with, followed by `_`, `-`, a space or a digit; of
        several the longest.
        """
        for end in range(len(stem), 0, -1):
            ends_well = end == len(stem) or stem[end] in _AFTER or stem[end].isdecimal()
            if ends_well and stem[:end] in self._numbers:
                return self._numbers[stem[:end]]
        return self._wordnet.get(_wordnet(stem))


def _wordnet(name: str) -> str:
    found = re.match(r"n\d{8}(?![^\W_])", name)
    return found[0] if found else ""


def read_classes(path: Path) -> ClassNames:
    """The lines of a file; empty ones are passed over. `InputError` where they cannot be told apart."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not text in UTF-8 (byte {error.start}); save it as text in UTF-8"
        ) from error
    names = tuple(filter(None, lines))
    if len(names) < 2:
        raise InputError(f"{path}: expected two classes or more, one a line, got {len(names)}")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        first = lines.index(twice)
        again = lines.index(twice, first + 1)
        raise InputError(f"{path}: {twice!r} stands in line {first + 1} and again in line {again + 1}")
    return ClassNames(names)

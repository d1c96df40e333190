"""Label maps: which class each pixel of a picture is, from files that store it in one of many ways.

A file holds numbers (grey values or palette indices) or colours; a table says which class each means. It is
`classes.csv` beside the pictures, with the columns `name` and `value`, or `name`, `red`, `green`, `blue`, or
`name` and `colour` (#rrggbb); or `classes.txt`, one name a line for the values 0, 1, 2, …. A row called void,
unlabelled, unlabeled or ignore is of pixels that are not judged, `VOID`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.classes import CLASSES, read_classes
from pellucid.data.decode import decode_stored
from pellucid.data.manifest import read_rows
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

TABLE = "classes.csv"
UNJUDGED = frozenset({"void", "unlabelled", "unlabeled", "ignore", "ignored", "unknown"})
_MOST = VOID  # classes: their numbers are bytes below `VOID`

LabelMap = NDArray[np.uint8]


@dataclass(frozen=True)
class Codes:
    """`values` takes what is stored to a class's position in `classes`, or `VOID`. Colours are stored as
    0xRRGGBB.
    """

    classes: tuple[str, ...]
    values: Mapping[int, int]
    coloured: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.classes) <= _MOST:
            raise InputError(f"label maps have 1 to {_MOST} classes, got {len(self.classes)}")

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], LabelMap]:
        stored = np.array(sorted(self.values), np.int64)
        return stored, np.array([self.values[value] for value in stored.tolist()], np.uint8)

    def read(self, stored: NDArray[np.integer], where: str) -> LabelMap:
        """(h, w) class numbers of what `decode_stored` gave. `InputError` for a value that means nothing."""
        known, labels = self._sorted
        numbers = _packed(stored) if self.coloured else _flat(stored, where)
        place = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        wrong = np.argwhere(known[place] != numbers)
        if len(wrong):
            row, column = wrong[0].tolist()
            found = [self._shown(value) for value in np.unique(numbers[known[place] != numbers]).tolist()[:4]]
            raise InputError(
                f"{where}: the unknown label {', '.join(found)} (first in row {row}, column {column}; "
                f"pixels in all: {len(wrong):,}); known are "
                f"{', '.join(self._shown(value) for value in known.tolist()[:8])}"
                f"{', …' if len(known) > 8 else ''}"
            )
        found_labels: LabelMap = labels[place]
        return found_labels

    def _shown(self, value: int) -> str:
        return f"#{value:06x}" if self.coloured else str(value)


def _packed(stored: NDArray[np.integer]) -> NDArray[np.int64]:
    """Colours as 0xRRGGBB; a grey (h, w) is taken as the colour of that grey."""
    if stored.ndim == 2:
        return stored.astype(np.int64) * 0x010101
    red, green, blue = (stored[..., channel].astype(np.int64) for channel in range(3))
    return red << 16 | green << 8 | blue


def _flat(stored: NDArray[np.integer], where: str) -> NDArray[np.int64]:
    if stored.ndim == 3 and not ((stored == stored[..., :1]).all()):
        raise InputError(
            f"{where}: its labels are colours; say what they mean in a {TABLE} with the columns name, red, "
            "green, blue"
        )
    return (stored[..., 0] if stored.ndim == 3 else stored).astype(np.int64)


def read_label_map(path: Path, codes: Codes) -> LabelMap:
    """(h, w) uint8 class numbers, `VOID` where a pixel is not judged. `InputError` says what is wrong."""
    return codes.read(decode_stored(path), str(path))


def find_codes(folder: Path) -> Codes | None:
    """What the table in `folder` says, or None where there is none."""
    if (folder / TABLE).is_file():
        return read_table(folder / TABLE)
    if (folder / CLASSES).is_file():
        names = read_classes(folder / CLASSES).names
        return coded({name: value for value, name in enumerate(names)})
    return None


def read_table(path: Path) -> Codes:
    """The codes that a CSV file lists. `InputError` where it does not say what is stored."""
    columns, rows = read_rows(path)
    by_name = {column.lower(): column for column in columns}
    ways = (("value",), ("red", "green", "blue"), ("r", "g", "b"), ("colour",), ("color",))
    way = next((way for way in ways if all(column in by_name for column in way)), None)
    if way is None or "name" not in by_name:
        raise InputError(
            f"{path}: expected the columns name and value, or name, red, green, blue; it has "
            f"{', '.join(columns)}"
        )
    stored: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        cells = [row[by_name[column]].strip() for column in way]
        name = row[by_name["name"]].strip()
        if not name or name in stored:
            raise InputError(f"{path}: line {line} has {'a name twice: ' + name if name else 'no name'}")
        value = _stored(cells, f"{path}: line {line}")
        twin = next((known for known, taken in stored.items() if taken == value), None)
        if twin is not None and not {twin.lower(), name.lower()} <= UNJUDGED:
            raise InputError(
                f"{path}: line {line} has {' '.join(cells)} for {name!r}, which is {twin!r} already"
            )
        stored[name] = value
    return coded(stored, coloured=way != ("value",))


def _stored(cells: list[str], where: str) -> int:
    """One number, three from 0 to 255 as 0xRRGGBB, or #rrggbb."""
    try:
        if len(cells) == 1:
            return int(cells[0][1:], 16) if cells[0].startswith("#") else int(cells[0])
        red, green, blue = map(int, cells)
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise ValueError
    except ValueError:
        raise InputError(
            f"{where} has {' '.join(cells)!r}; expected a whole number, or a colour 0 to 255"
        ) from None
    return red << 16 | green << 8 | blue


def coded(stored: Mapping[str, int], *, coloured: bool = False) -> Codes:
    """The classes in the order of `stored` (name → what is stored), without those that are not judged."""
    classes = tuple(name for name in stored if name.lower() not in UNJUDGED)
    numbers = {name: number for number, name in enumerate(classes)}
    values = {value: numbers.get(name, VOID) for name, value in stored.items()}
    if not coloured:
        values.setdefault(VOID, VOID)
    return Codes(classes, values, coloured)


def observed_codes(maps: Iterable[NDArray[np.integer]], where: str) -> Codes:
    """A class for each value that occurs, called by it, where no table says more.

    255 is `VOID` (PASCAL VOC's habit) unless it is one of only two values, as in masks of black and white.
    """
    values: set[int] = set()
    for stored in maps:
        values.update(np.unique(_flat(stored, where)).tolist())
    if len(values) > _MOST + 1 or min(values, default=0) < 0:
        raise InputError(
            f"{where}: {len(values)} different labels, {min(values)} to {max(values)}; expected 0 to {VOID}"
        )
    classes = sorted(values) if len(values) <= 2 else sorted(values - {VOID})
    if len(classes) < 2:
        raise InputError(f"{where}: all labels are {classes[0]}; two classes are needed to tell apart")
    return Codes(
        tuple(map(str, classes)),
        {VOID: VOID} | {value: number for number, value in enumerate(classes)},
    )

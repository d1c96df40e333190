"""What a panel is made of: marks, in the panel's data units.

A mark is a frozen value; colours are names of `views.colours`. In a panel with a frame (h, w), x runs from 0
to w to the right and y from 0 to h downwards, so that pixel (row, column) covers [column, column + 1] × [row,
row + 1]. In a panel without one, y grows upwards. `bounds` is the part of the plane that a mark covers:
(least x, greatest x, least y, greatest y). Sizes of strokes, dots and letters are in CSS pixels and do not
scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.views.colours import ColourScale, check_colour

Array = NDArray[Any]
Bounds = tuple[float, float, float, float]


class Mark(Protocol):
    def bounds(self) -> Bounds | None: ...


def _check(holds: bool, expected: str, came: object) -> None:
    if not holds:
        raise ValueError(f"expected {expected}; got {came}")


def _hull(x: Array, y: Array) -> Bounds | None:
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    return (float(x.min()), float(x.max()), float(y.min()), float(y.max())) if x.size and y.size else None


def _extent(extent: Bounds | None, height: int, width: int) -> Bounds:
    return (0.0, float(width), 0.0, float(height)) if extent is None else extent


@dataclass(frozen=True, eq=False)
class Image:
    """A picture: `pixels` (h, w, 3) RGB or (h, w, 4) RGBA, uint8, row 0 on top, stretched over `extent`, by
    default (0, w, 0, h). Large ones without transparency may be stored as JPEG.
    """

    pixels: Array
    extent: Bounds | None = None

    def __post_init__(self) -> None:
        shape, kind = self.pixels.shape, self.pixels.dtype
        _check(
            len(shape) == 3 and shape[2] in (3, 4) and kind == np.uint8,
            "pixels (h, w, 3 or 4) uint8",
            f"{shape} {kind}",
        )

    def bounds(self) -> Bounds:
        return _extent(self.extent, *self.pixels.shape[:2])


@dataclass(frozen=True, eq=False)
class Heat:
    """A map: `values` (h, w) through a colour scale, row 0 on top, over `extent`. `opacity` in [0, 1] is that
    of the whole; with `fade` values near the scale's zero, or lower end, let through what lies below.
    """

    values: Array
    scale: ColourScale
    extent: Bounds | None = None
    opacity: float = 1.0
    fade: bool = False

    def __post_init__(self) -> None:
        _check(self.values.ndim == 2, "values (h, w)", self.values.shape)

    def bounds(self) -> Bounds:
        return _extent(self.extent, *self.values.shape)


@dataclass(frozen=True, eq=False)
class Tiles:
    """Many small pictures of one size in rows: tile i covers the unit square at (i mod `columns`, i div
    `columns`).

    `values` is (n, h, w) with a scale, or (n, h, w, 3) uint8 without one. `names` (n) are shown when a tile
    is pointed at.
    """

    values: Array
    columns: int
    scale: ColourScale | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        expected = "values (n, h, w) with a scale, or (n, h, w, 3) uint8 without"
        plain = self.values.ndim == 4 and self.values.shape[3] == 3 and self.values.dtype == np.uint8
        _check(plain if self.scale is None else self.values.ndim == 3, expected, self.values.shape)
        _check(
            self.columns > 0 and len(self.values) > 0, "at least one tile and one column", self.values.shape
        )
        _check(len(self.names) in (0, len(self.values)), "a name for each tile", len(self.names))

    @property
    def rows(self) -> int:
        return -(-len(self.values) // self.columns)

    def bounds(self) -> Bounds:
        return 0.0, float(self.columns), 0.0, float(self.rows)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Rectangles: `corners` (n, 4) as x0, y0, x1, y1; `names` and `colours` one each, or none."""

    corners: Array
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    width: float = 2.0

    def __post_init__(self) -> None:
        _check(self.corners.ndim == 2 and self.corners.shape[1] == 4, "corners (n, 4)", self.corners.shape)
        _check(len(self.names) in (0, len(self.corners)), "a name for each box", len(self.names))
        _check(len(self.colours) in (0, len(self.corners)), "a colour for each box", len(self.colours))
        for colour in self.colours:
            check_colour(colour)

    def bounds(self) -> Bounds | None:
        return _hull(self.corners[:, 0::2].ravel(), self.corners[:, 1::2].ravel())


@dataclass(frozen=True, eq=False)
class Masks:
    """Regions: `masks` (n, h, w) bool over `extent`, each in its colour at `opacity`, later ones on top."""

    masks: Array
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    extent: Bounds | None = None
    opacity: float = 0.5

    def __post_init__(self) -> None:
        _check(self.masks.ndim == 3 and self.masks.dtype == bool, "masks (n, h, w) bool", self.masks.shape)
        _check(len(self.names) in (0, len(self.masks)), "a name for each mask", len(self.names))
        _check(len(self.colours) in (0, len(self.masks)), "a colour for each mask", len(self.colours))
        for colour in self.colours:
            check_colour(colour)

    def bounds(self) -> Bounds:
        return _extent(self.extent, *self.masks.shape[1:])


@dataclass(frozen=True, eq=False)
class Points:
    """Dots at `x`, `y` (n,); `names` (n) are shown when one is pointed at, on a page with its `pictures` (n,
    h, w, 3) uint8 if there are some. `radius` in pixels.
    """

    x: Array
    y: Array
    colour: str = "blue"
    radius: float = 3.0
    opacity: float = 1.0
    names: tuple[str, ...] = ()
    pictures: Array | None = None

    def __post_init__(self) -> None:
        _check(
            self.x.ndim == 1 and self.x.shape == self.y.shape, "x and y (n,)", (self.x.shape, self.y.shape)
        )
        _check(len(self.names) in (0, len(self.x)), "a name for each point", len(self.names))
        if self.pictures is not None:
            shape, kind = self.pictures.shape, self.pictures.dtype
            fits = len(shape) == 4 and shape[0] == len(self.x) and shape[3] == 3 and kind == np.uint8
            _check(fits, "pictures (n, h, w, 3) uint8", f"{shape} {kind}")
        check_colour(self.colour)

    def bounds(self) -> Bounds | None:
        return _hull(self.x, self.y)


@dataclass(frozen=True, eq=False)
class Lines:
    """One broken line per entry: `x[i]`, `y[i]` (n_i,); a value that is not finite interrupts it.

    A line with a name is labelled at its end. `width` in pixels. `places` say in words where on the x axis
    the points of every line are ("step 120"), for axes whose numbers do not.
    """

    x: tuple[Array, ...]
    y: tuple[Array, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    width: float = 2.0
    opacity: float = 1.0
    dashed: bool = False
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = {len(self.x), len(self.y), len(self.names), len(self.colours)}
        _check(len(counts) == 1, "as many x, y, names and colours", counts)
        for x, y in zip(self.x, self.y, strict=True):
            _check(x.ndim == 1 and x.shape == y.shape, "x and y (n,)", (x.shape, y.shape))
            _check(len(self.places) in (0, len(x)), "words for each place", len(self.places))
        for colour in self.colours:
            check_colour(colour)

    def bounds(self) -> Bounds | None:
        return _hull(np.concatenate(self.x), np.concatenate(self.y)) if self.x else None


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars from `base` to `values` (n,) at `at` (n,), `thickness` wide, in data units; lying if `lying`."""

    at: Array
    values: Array
    colour: str = "blue"
    names: tuple[str, ...] = ()
    base: float = 0.0
    thickness: float = 0.8
    lying: bool = False
    opacity: float = 1.0

    def __post_init__(self) -> None:
        same = self.at.ndim == 1 and self.at.shape == self.values.shape
        _check(same, "at and values (n,)", (self.at.shape, self.values.shape))
        _check(len(self.names) in (0, len(self.at)), "a name for each bar", len(self.names))
        check_colour(self.colour)

    def bounds(self) -> Bounds | None:
        ends = np.append(self.values, self.base)
        across = np.concatenate([self.at - self.thickness / 2, self.at + self.thickness / 2])
        return _hull(ends, across) if self.lying else _hull(across, ends)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Cells: (row, column) is the unit square at (column, row), in `colour` at opacity `shades` (r, c) in [0,
    1].

    A cell that is NaN is not drawn, so that two matrices can share a panel. `texts` (r, c) stand in the
    cells, `names` (r, c) are shown when one is pointed at; () for none.
    """

    shades: Array
    colour: str = "blue"
    texts: tuple[tuple[str, ...], ...] = ()
    names: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        _check(self.shades.ndim == 2, "shades (r, c)", self.shades.shape)
        given = self.shades[np.isfinite(self.shades)]
        _check(
            bool(((given >= 0) & (given <= 1)).all()),
            "shades in [0, 1]",
            (given.min(initial=0), given.max(initial=0)),
        )
        for words in (self.texts, self.names):
            shape = (len(words), len(words[0])) if words else self.shades.shape
            _check(shape == self.shades.shape, f"words for {self.shades.shape} cells", shape)
        check_colour(self.colour)

    def bounds(self) -> Bounds:
        return 0.0, float(self.shades.shape[1]), 0.0, float(self.shades.shape[0])


@dataclass(frozen=True, eq=False)
class Text:
    """Words at (x, y), vertically centred; `anchor` says which end stands there. `size` in pixels. With a
    `halo` they can be read over other marks.
    """

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = "ink"
    size: float = 12.0
    halo: bool = False

    def __post_init__(self) -> None:
        _check(self.anchor in ("start", "middle", "end"), "anchor start, middle or end", self.anchor)
        check_colour(self.colour)

    def bounds(self) -> Bounds:
        return self.x, self.x, self.y, self.y


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes, `boxes` (n, 4) as x0, y0, x1, y1, with `names` and, smaller, `notes` in them and `words` shown
    when one is pointed at; `frames` (m, 4) around some of them with `titles`; `paths[i]` (k_i, 2) are edges.
    """

    boxes: Array
    names: tuple[str, ...]
    notes: tuple[str, ...]
    words: tuple[str, ...]
    colours: tuple[str, ...]
    frames: Array
    titles: tuple[str, ...]
    paths: tuple[Array, ...]

    def __post_init__(self) -> None:
        for corners, counted in (
            (self.boxes, (self.names, self.notes, self.words, self.colours)),
            (self.frames, (self.titles,)),
        ):
            _check(corners.ndim == 2 and corners.shape[1] == 4, "rectangles (n, 4)", corners.shape)
            counts = {len(corners), *(len(each) for each in counted)}
            _check(len(counts) == 1, "as many rectangles as names, notes, words and colours", counts)
        for path in self.paths:
            _check(path.ndim == 2 and path.shape[1] == 2, "paths (k, 2)", path.shape)
        for colour in self.colours:
            check_colour(colour)

    def bounds(self) -> Bounds | None:
        every = np.concatenate([self.boxes, self.frames])
        return _hull(every[:, 0::2].ravel(), every[:, 1::2].ravel())


MARKS: dict[str, type[Any]] = {
    "image": Image,
    "heat": Heat,
    "tiles": Tiles,
    "boxes": Boxes,
    "masks": Masks,
    "points": Points,
    "lines": Lines,
    "bars": Bars,
    "matrix": Matrix,
    "graph": Graph,
    "text": Text,
}


def kind(mark: Mark) -> str:
    """The name of the mark's kind in `MARKS`."""
    return _NAMES[type(mark)]


_NAMES = {made: name for name, made in MARKS.items()}

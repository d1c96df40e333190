"""Marks as SVG. Places are percentages of the panel's surface; strokes and letters are CSS pixels.

Broken lines alone need one number space: an inner SVG of 1000 × 1000 that is stretched while its strokes are
not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from pellucid.views.axes import Span, decimate, isolated, number
from pellucid.views.colours import ink_on, light, rgb, series
from pellucid.views.marks import (
    Array,
    Bars,
    Bounds,
    Boxes,
    Graph,
    Heat,
    Image,
    Lines,
    Masks,
    Matrix,
    Points,
    Text,
    Tiles,
)
from pellucid.views.raster import SMALL, compact, data_uri, photo, png, scaled_png, sheet

PEEK = 96  # CSS pixels of a picture shown beside a point
POINTED = 60  # a line of at most so many points tells each one's value


@dataclass(frozen=True)
class Surface:
    """Where data units are on a panel, in percent of its width and height."""

    x: Span
    y: Span
    down: bool

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        down = self.y.position(y)
        return 100 * self.x.position(x), 100 * (down if self.down else 1 - down)

    def rectangle(self, bounds: Bounds) -> str:
        (left, right), (first, second) = self.at(np.array(bounds[:2]), np.array(bounds[2:]))
        top, bottom = min(first, second), max(first, second)
        return f'x="{left:.3f}%" y="{top:.3f}%" width="{right - left:.3f}%" height="{bottom - top:.3f}%"'


def ink(name: str) -> str:
    return f"var(--{name})"


def told(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""


def _nth(words: tuple[str, ...], index: int) -> str:
    return words[index] if words else ""


def _picture(content: bytes, place: str, *, opacity: float = 1.0, sharp: bool = True) -> str:
    style = ' class="pixels"' if sharp else ""
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<image {place} preserveAspectRatio="none"{style}{faint} href="{data_uri(content)}"/>'


def _image(mark: Image, surface: Surface) -> str:
    small = max(mark.pixels.shape[:2]) <= SMALL
    return _picture(compact(mark.pixels), surface.rectangle(mark.bounds()), sharp=small)


def _heat(mark: Heat, surface: Surface) -> str:
    place = surface.rectangle(mark.bounds())
    return _picture(scaled_png(mark.values, mark.scale, fade=mark.fade), place, opacity=mark.opacity)


def _tiles(mark: Tiles, surface: Surface) -> str:
    parts = [_picture(sheet(mark), surface.rectangle(mark.bounds()))]
    for column in range(1, mark.columns):
        x, _ = surface.at(column, 0)
        parts.append(f'<line class="gap" x1="{x:.3f}%" x2="{x:.3f}%" y1="0" y2="100%"/>')
    for row in range(1, mark.rows):
        _, y = surface.at(0, row)
        parts.append(f'<line class="gap" y1="{y:.3f}%" y2="{y:.3f}%" x1="0" x2="100%"/>')
    for index, name in enumerate(mark.names):
        row, column = divmod(index, mark.columns)
        place = surface.rectangle((column, column + 1, row, row + 1))
        parts.append(f'<rect class="seen" {place}>{told(name)}</rect>')
    return "".join(parts)


def _boxes(mark: Boxes, surface: Surface) -> str:
    parts = []
    for index, (x0, y0, x1, y1) in enumerate(mark.corners.tolist()):
        colour = ink(_nth(mark.colours, index) or series(index))
        place, name = surface.rectangle((x0, x1, y0, y1)), _nth(mark.names, index)
        parts.append(
            f'<rect {place} fill="none" stroke="{colour}" stroke-width="{mark.width:g}">{told(name)}</rect>'
        )
        if name:
            x, y = surface.at(x0, y0)
            place = f'x="{x:.3f}%" y="{y:.3f}%" dx="4" dy="13"'
            parts.append(f'<text class="halo" {place} fill="{colour}">{escape(name)}</text>')
    return "".join(parts)


def _masks(mark: Masks, surface: Surface) -> str:
    place = surface.rectangle(mark.bounds())
    parts = []
    for index, mask in enumerate(mark.masks):
        colour = rgb(light(_nth(mark.colours, index) or series(index)))
        pixels = np.where(mask[..., None], np.array([*colour, 255], np.uint8), np.uint8(0))
        picture = _picture(png(pixels), place, opacity=mark.opacity)
        parts.append(f"<g>{told(_nth(mark.names, index))}{picture}</g>")
    return "".join(parts)


def _points(mark: Points, surface: Surface) -> str:
    x, y = surface.at(mark.x, mark.y)
    seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y)).tolist()
    dots = [
        f'<circle cx="{x[i]:.3f}%" cy="{y[i]:.3f}%" r="{mark.radius:g}">{told(_nth(mark.names, i))}</circle>'
        for i in seen
    ]
    drawn = f'<g fill="{ink(mark.colour)}" opacity="{mark.opacity:g}">{"".join(dots)}</g>'
    return drawn if mark.pictures is None else drawn + _peeks(mark, mark.pictures, x, y, seen)


def _peeks(mark: Points, pictures: Array, x: Any, y: Any, seen: list[int]) -> str:
    """Over every dot an unseen one that, pointed at, shows its picture and name, towards the middle."""
    parts = []
    for i in seen:
        left, up = x[i] > 50, y[i] > 50
        across, along = -PEEK - 10 if left else 10, -PEEK - 10 if up else 10
        place = f'x="{across}" y="{along}" width="{PEEK}" height="{PEEK}"'
        under = f'x="{across + PEEK * left}" y="{along - 6 if up else along + PEEK + 14}"'
        style = f'text-anchor="{"end" if left else "start"}" fill="{ink(mark.colour)}"'
        words = escape(_nth(mark.names, i))
        parts.append(
            f'<svg class="peek" x="{x[i]:.3f}%" y="{y[i]:.3f}%"><circle r="{mark.radius + 3:g}"/>'
            f"<g>{_picture(photo(pictures[i]), place)}"
            f'<text class="halo" {under} {style}>{words}</text></g></svg>'
        )
    return "".join(parts)


def _lines(mark: Lines, surface: Surface) -> str:
    style = f'stroke-width="{mark.width:g}" opacity="{mark.opacity:g}"'
    style += ' stroke-dasharray="5 4"' if mark.dashed else ""
    paths, dots, single = [], [], []
    for x, y, name, colour in zip(mark.x, mark.y, mark.names, mark.colours, strict=True):
        alone = isolated(*surface.at(x, y))
        if alone.any():
            single.append(_points(Points(x[alone], y[alone], colour, opacity=mark.opacity), surface))
        path = _path(*surface.at(*decimate(x, y)))
        paths.append(f'<path d="{path}" stroke="{ink(colour)}" {style}>{told(name)}</path>')
        if name and len(x) <= POINTED:
            places = mark.places or tuple(number(float(each)) for each in x)
            words = tuple(
                f"{name}: {number(float(value))} at {place}" for value, place in zip(y, places, strict=True)
            )
            dots.append(_points(Points(x, y, colour, radius=7, names=words), surface))
    drawn = f'<svg class="lines" viewBox="0 0 1000 1000" preserveAspectRatio="none">{"".join(paths)}</svg>'
    return drawn + "".join(single) + (f'<g class="dots">{"".join(dots)}</g>' if dots else "")


def _path(x: Any, y: Any) -> str:
    """SVG's path of a broken line in thousandths; a new piece after every hole."""
    steps, pen = [], "M"
    for across, along in zip((10 * x).tolist(), (10 * y).tolist(), strict=True):
        if not (np.isfinite(across) and np.isfinite(along)):
            pen = "M"
            continue
        steps.append(f"{pen}{across:.1f} {along:.1f}")
        pen = "L"
    return "".join(steps)


def _bars(mark: Bars, surface: Surface) -> str:
    parts = []
    for index, (at, value) in enumerate(zip(mark.at.tolist(), mark.values.tolist(), strict=True)):
        if not np.isfinite(value):
            continue
        ends = min(mark.base, value), max(mark.base, value)
        sides = at - mark.thickness / 2, at + mark.thickness / 2
        place = surface.rectangle((*ends, *sides) if mark.lying else (*sides, *ends))
        parts.append(f'<rect {place} rx="1.5">{told(_nth(mark.names, index))}</rect>')
    return f'<g fill="{ink(mark.colour)}" opacity="{mark.opacity:g}">{"".join(parts)}</g>'


def _matrix(mark: Matrix, surface: Surface) -> str:
    parts = []
    for row, column in np.argwhere(np.isfinite(mark.shades)).tolist():
        shade = float(mark.shades[row, column])
        style = f'fill="{ink(mark.colour)}" fill-opacity="{shade:.3f}"'
        place = surface.rectangle((column, column + 1, row, row + 1))
        name = mark.names[row][column] if mark.names else ""
        parts.append(f'<rect class="cell" {place} {style}>{told(name)}</rect>')
        if mark.texts and mark.texts[row][column]:
            words = mark.texts[row][column]
            centre = Text(
                column + 0.5, row + 0.5, words, "middle", ink_on(mark.colour, round(shade, 2)), size=11.5
            )
            parts.append(_text(centre, surface))
    return f'<g class="cells">{"".join(parts)}</g>'


def _graph(mark: Graph, surface: Surface) -> str:
    places = [surface.rectangle((x0, x1, y0, y1)) for x0, y0, x1, y1 in mark.frames.tolist()]
    parts = [f'<rect class="frame" {place} rx="8"/>' for place in places]
    paths = "".join(f'<path d="{_curve(*surface.at(path[:, 0], path[:, 1]))}"/>' for path in mark.paths)
    parts.append(
        f'<svg class="lines" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        f'<g stroke="{ink("faint")}" stroke-width="1.5">{paths}</g></svg>'
    )
    for place, title in zip(places, mark.titles, strict=True):
        parts.append(f'<svg {place}><text class="heading" x="10" y="16">{escape(title)}</text></svg>')
    for index, (x0, y0, x1, y1) in enumerate(mark.boxes.tolist()):
        colour, place = ink(mark.colours[index]), surface.rectangle((x0, x1, y0, y1))
        parts.append(
            f'<svg {place}>{told(mark.words[index])}<rect class="node" width="100%" height="100%" rx="6"/>'
            f'<rect width="4" height="100%" rx="2" fill="{colour}"/>'
            f'<text class="name" x="11" y="15">{escape(mark.names[index])}</text>'
            f'<text class="note" x="11" y="29">{escape(mark.notes[index])}</text></svg>'
        )
    return f'<g class="graph">{"".join(parts)}</g>'


def _curve(x: Any, y: Any) -> str:
    """SVG's path through points in thousandths that leaves and arrives vertically."""
    steps = [f"M{10 * x[0]:.1f} {10 * y[0]:.1f}"]
    for i in range(1, len(x)):
        middle = 5 * (y[i - 1] + y[i])
        steps.append(
            f"C{10 * x[i - 1]:.1f} {middle:.1f} {10 * x[i]:.1f} {middle:.1f} {10 * x[i]:.1f} {10 * y[i]:.1f}"
        )
    return "".join(steps)


def _text(mark: Text, surface: Surface) -> str:
    x, y = surface.at(mark.x, mark.y)
    halo = 'class="halo" ' if mark.halo else ""
    return (
        f'<text {halo}x="{x:.3f}%" y="{y:.3f}%" dy=".35em" text-anchor="{mark.anchor}" '
        f'fill="{ink(mark.colour)}" style="--size:{mark.size:g}px">{escape(mark.text)}</text>'
    )


DRAW: dict[str, Callable[[Any, Surface], str]] = {
    "image": _image,
    "heat": _heat,
    "tiles": _tiles,
    "boxes": _boxes,
    "masks": _masks,
    "points": _points,
    "lines": _lines,
    "bars": _bars,
    "matrix": _matrix,
    "graph": _graph,
    "text": _text,
}

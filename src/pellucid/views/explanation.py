"""Explanations over their pictures: where the evidence lies, on one signed scale, and all that is known.

A map is drawn enlarged, bilinear between the centres of its cells, over the picture in grey: orange speaks
for the target, blue against it, and what is transparent says nothing. Its numbers stay as they are; the scale
is one for all pictures of a method, so that a weak map looks weak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import number
from pellucid.views.colours import ColourScale
from pellucid.views.contents import Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat, Image
from pellucid.views.pictures import Pixels, rgb_pixels

if TYPE_CHECKING:
    from pellucid.types.heatmap import Heatmap

Values = NDArray[np.float32]
FINE = 1024  # cells from which single ones may be cut off at the end of the scale
CUT = 99.5  # percent of a fine map's cells that the scale holds: sharp peaks would leave the rest pale
OF_RANDOM = " of a random map"  # at the end of a score's name: the same score, of a map that knows nothing
Scaling = Literal["shared", "each"]


def explanation(
    pictures: Sequence[NDArray[Any]],
    heatmap: Heatmap,
    names: Sequence[str] = (),
    *,
    scaling: Scaling = "shared",
    opacity: float = 0.85,
) -> Figure:
    """Each picture, uint8 as the network saw it, and beside it the map over it, with target and scores.

    `names` are the pictures'. With `scaling` "each" every map has a scale of its own, and says so in its key.
    """
    panels = []
    for place, (picture, values, scale) in enumerate(_scaled(pictures, heatmap, scaling)):
        pixels = rgb_pixels(picture)
        name = names[place] if names else ""
        panels.append(Panel((Image(pixels),), name, frame=pixels.shape[:2], caption=_size(pixels)))
        panels.append(
            _over(pixels, values, scale, opacity, heatmap.targets[place], details(heatmap, place), key=True)
        )
    columns = 2 if len(pictures) < 3 else 4
    return Figure(tuple(panels), heatmap.method, columns, " ".join(_legend(heatmap)))


def contact_sheet(
    pictures: Sequence[NDArray[Any]],
    heatmaps: Sequence[Heatmap],
    names: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
    *,
    scaling: Scaling = "shared",
    opacity: float = 0.85,
) -> Figure:
    """Several methods of the same pictures. Of one picture, the panels follow one another; of several, each
    has a column and each method a row, on one scale. `left_out` says of other methods why they do not apply.
    """
    if not heatmaps:
        raise ValueError("expected at least one heat map; got none")
    alone = len(pictures) == 1
    drawn = [rgb_pixels(picture) for picture in pictures]
    panels = [
        Panel(
            (Image(pixels),),
            names[place] if names else "",
            frame=pixels.shape[:2],
            caption=heatmaps[0].targets[place],
            tone="ink",
        )
        for place, pixels in enumerate(drawn)
    ]
    for heatmap in heatmaps:
        for place, (_, values, scale) in enumerate(_scaled(pictures, heatmap, scaling)):
            title = heatmap.method if alone or place == 0 else ""
            caption = _brief(heatmap, scale, place)
            panels.append(_over(drawn[place], values, scale, opacity, title, caption, key=False))
    reasons = "; ".join(f"{method} – {why}" for method, why in (left_out or {}).items())
    caption = f"{_SHEET} Left out: {reasons}." if reasons else _SHEET
    return Figure(tuple(panels), "", min(4, len(panels)) if alone else len(pictures), caption)


def summary_table(heatmaps: Sequence[Heatmap], left_out: Mapping[str, str], place: int = 0) -> Table:
    """What each method says of one picture in words and numbers; those that do not apply, with the reason."""
    rows: list[tuple[str | float | None, ...]] = []
    for heatmap in heatmaps:
        values = heatmap.array()[place]
        rows.append(
            (
                heatmap.method,
                _layers(heatmap) or "the input",
                _grid(values),
                None if heatmap.empty[place] else float(values.min()),
                None if heatmap.empty[place] else float(values.max()),
                "; ".join((*_nothing(heatmap, place), *heatmap.notes)),
            )
        )
    rows += [(method, None, None, None, None, f"left out: {why}") for method, why in left_out.items()]
    return Table(("method", "layer", "grid", "least", "greatest", "to know"), tuple(rows))


def details(heatmap: Heatmap, place: int) -> str:
    """What is known of one picture's map, a line each: layer and grid, options, scores, notes."""
    options = ", ".join(f"{name} {value}" for name, value in heatmap.options.items())
    own, checked = _scores(heatmap, place)
    where = f"{_layers(heatmap) or 'the input'}, {_grid(heatmap.array()[place])}"
    return "\n".join(filter(None, (*_nothing(heatmap, place), where, options, own, checked, *heatmap.notes)))


def _scores(heatmap: Heatmap, place: int) -> tuple[str, str]:
    """What a map says of itself, and what it scores beside a random map, where it was checked."""
    own, checked = [], []
    for name, each in heatmap.scores.items():
        random = heatmap.scores.get(f"{name}{OF_RANDOM}")
        if random is not None:
            checked.append(f"{name} {number(each[place], 3)} (random {number(random[place], 3)})")
        elif not name.endswith(OF_RANDOM):
            own.append(f"{name} {number(each[place], 3)}")
    return ", ".join(own), ", ".join(checked)


def record(heatmap: Heatmap, place: int) -> dict[str, Any]:
    """One picture's map as JSON's types; the values themselves only of a grid of at most `FINE` cells."""
    values = heatmap.array()[place]
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    found: dict[str, Any] = {
        "method": heatmap.method,
        "target": heatmap.targets[place],
        "layers": [*heatmap.layers],
        "grid": [*values.shape],
        "size": [*heatmap.size],
        "empty": heatmap.empty[place],
        "least": float(values.min()),
        "greatest": float(values.max()),
        "greatest_at": [int(row), int(column)],
        "options": dict(heatmap.options),
        "scores": {name: each[place] for name, each in heatmap.scores.items()},
        "notes": [*heatmap.notes],
        "versions": dict(heatmap.versions),
    }
    return {**found, "values": values.tolist()} if values.size <= FINE else found


def enlarged(values: Values, size: tuple[int, int]) -> Values:
    """(h, w) on `size`, bilinear between the centres of cells; beyond the outermost centres as there."""
    for axis, length in enumerate(size):
        cells = values.shape[axis]
        at = (np.arange(length) + 0.5) * cells / length - 0.5
        low = np.clip(np.floor(at), 0, cells - 1).astype(int)
        high = np.minimum(low + 1, cells - 1)
        share = np.clip(at - low, 0, 1).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None]
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values


def extent(values: Values) -> float:
    """The magnitude at which the scale of a map ends."""
    magnitudes = np.abs(values[np.isfinite(values)])
    if not magnitudes.size:
        return 0.0
    return float(np.percentile(magnitudes, CUT) if magnitudes.size > FINE else magnitudes.max())


def _scaled(
    pictures: Sequence[NDArray[Any]], heatmap: Heatmap, scaling: Scaling
) -> list[tuple[NDArray[Any], Values, ColourScale]]:
    """Each picture with its map and the scale to draw it on."""
    if len(pictures) != len(heatmap):
        raise ValueError(f"expected a picture for each of {len(heatmap)} maps; got {len(pictures)}")
    maps = heatmap.array()
    ends = [0.0 if empty else extent(each) for each, empty in zip(maps, heatmap.empty, strict=True)]
    label = "evidence" if scaling == "shared" else "evidence, on this picture's own scale"
    found = []
    for picture, values, end in zip(pictures, maps, ends, strict=True):
        bound = max(ends) if scaling == "shared" else end
        found.append((picture, values, ColourScale("signed", -bound, bound, label)))
    return found


def _over(
    pixels: Pixels,
    values: Values,
    scale: ColourScale,
    opacity: float,
    title: str,
    caption: str,
    *,
    key: bool,
) -> Panel:
    size = pixels.shape[:2]
    heat = Heat(
        enlarged(np.where(np.isfinite(values), values, 0), (size[0], size[1])), scale, None, opacity, True
    )
    marks = (Image(_faded(pixels)), heat) if scale.high > 0 else (Image(_faded(pixels)),)
    return Panel(marks, title, frame=size, caption=caption, key=scale if key and scale.high > 0 else None)


def _faded(pixels: Pixels) -> Pixels:
    """In grey, and without its brightest: colours, and light, are the map's."""
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    return np.repeat(np.rint(36 + 0.62 * grey).astype(np.uint8)[..., None], 3, axis=2)


_EMPTY = "no evidence: the map is zero everywhere"


def _nothing(heatmap: Heatmap, place: int) -> tuple[str, ...]:
    if not heatmap.empty[place]:
        return ()
    finite = bool(np.isfinite(heatmap.array()[place]).all())
    return (_EMPTY if finite else "no map: the network's numbers are not finite",)


def _layers(heatmap: Heatmap) -> str:
    first, last = heatmap.layers[:1], heatmap.layers[-1:]
    if len(heatmap.layers) <= 2:
        return ", ".join(heatmap.layers)
    return f"{first[0]} … {last[0]} ({len(heatmap.layers)})"


def _grid(values: Values) -> str:
    return f"{values.shape[0]} × {values.shape[1]}"


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[0]} × {pixels.shape[1]} pixels, as the network sees it"


def _brief(heatmap: Heatmap, scale: ColourScale, place: int) -> str:
    """Where colours end and, where it was checked, the scores; of the first picture, the layer as well."""
    end = f"±{number(scale.high)}" if scale.high > 0 else _EMPTY
    where = f"{_layers(heatmap) or 'input'}, {_grid(heatmap.array()[0])}, " if place == 0 else ""
    _, checked = _scores(heatmap, place)
    return "\n".join(filter(None, (where + end, *checked.split(", "))))


_SHEET = (
    "Orange speaks for the target, blue against it, transparent is nothing. Each method has its own unit: "
    "under a map stands where its colours end."
)


def _legend(heatmap: Heatmap) -> list[str]:
    words = ["Orange speaks for the target, blue against it, transparent is nothing."]
    if heatmap.values.shape[1] * heatmap.values.shape[2] > FINE:
        words.append(f"The scale holds {CUT:g} % of the values; those beyond have the end's colour.")
    return words

"""What changes along training: losses, metrics, the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.views.axes import Axis, number
from pellucid.views.colours import series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, Mark, Points

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One quantity along training: `values` (n,) at `at` (n,), which are steps or epochs.

    Curves of one `run` have one colour when several runs share a panel. `part` tells the curves of one run
    apart: "train", "test".
    """

    at: ArrayLike = field(repr=False)
    values: ArrayLike = field(repr=False)
    run: str = ""
    part: str = ""


def over_training(
    title: str,
    curves: Sequence[Curve],
    *,
    along: str = "epoch",
    scale: Literal["linear", "log"] = "linear",
    smooth: int = 1,
    best: Literal["max", "min"] | None = None,
) -> Figure:
    """One panel with all curves.

    Curves of more than 4 × `smooth` values are smoothed by a centred mean over `smooth` of them and keep
    their raw values, faint, behind; the caption says so. `best` marks the best value of each run's last part
    (its test curve) with a dot.
    """
    runs = list(dict.fromkeys(curve.run for curve in curves))
    parts = list(dict.fromkeys(curve.part for curve in curves))
    marks: list[Mark] = []
    bests: list[Mark] = []
    smoothed = False
    for curve in curves:
        at, values = np.asarray(curve.at, np.float64), np.asarray(curve.values, np.float64)
        last = curve.part == parts[-1]
        colour = (
            series(runs.index(curve.run))
            if len(runs) > 1
            else series(len(parts) - 1 - parts.index(curve.part))
        )
        name = (curve.run if len(runs) > 1 else curve.part or curve.run) if last or len(runs) == 1 else ""
        shown = values
        if smooth > 1 and len(values) > 4 * smooth:
            shown, smoothed = running_mean(values, smooth), True
            marks.insert(0, Lines((at,), (values,), ("",), (colour,), width=1, opacity=0.25))
        marks.append(Lines((at,), (shown,), (name,), (colour,), dashed=len(runs) > 1 and not last))
        if best and last and np.isfinite(values).any():
            index = int(np.nanargmax(values) if best == "max" else np.nanargmin(values))
            words = (
                f"{name or title}: best {number(float(values[index]))} at {along} {number(float(at[index]))}"
            )
            bests.append(Points(at[index : index + 1], values[index : index + 1], colour, 4, names=(words,)))
    caption = _caption(runs, parts, smooth if smoothed else 1, best)
    return Figure(
        (Panel((*marks, *bests), x=Axis(along), y=Axis(scale=scale), caption=caption, width=720),),
        title,
        columns=1,
    )


def _caption(runs: list[str], parts: list[str], smooth: int, best: str | None) -> str:
    words = []
    if len(runs) > 1 and len(parts) > 1:
        words.append(f"Solid: {parts[-1]}; dashed: {' and '.join(parts[:-1])}.")
    if smooth > 1:
        words.append(f"Strong line: centred mean over {smooth} values; faint: each value.")
    if best:
        words.append(f"Dot: the {'greatest' if best == 'max' else 'least'} value.")
    return " ".join(words)


def learning_rate(steps: ArrayLike, values: ArrayLike, *, along: str = "step") -> Figure:
    """The schedule as it was run."""
    at, rates = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    line = Lines((at,), (rates,), ("",), ("purple",))
    axis = Axis(limits=_from_zero(rates))
    return Figure((Panel((line,), x=Axis(along), y=axis, height=160, width=720),), "Learning rate", columns=1)


def _from_zero(values: Floats) -> tuple[float, float]:
    return 0.0, float(np.nanmax(values, initial=0.0)) * 1.05 or 1.0


def running_mean(values: NDArray[Any], width: int) -> Floats:
    """(n,): the centred mean over up to `width` values, fewer at the ends; what is not finite is left out of
    it.
    """
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    centre = np.arange(len(values))
    start, stop = np.maximum(centre - (width - 1) // 2, 0), np.minimum(centre + width // 2 + 1, len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = (sums[stop] - sums[start]) / (counts[stop] - counts[start])
    return mean

"""How far signals and gradients come in a deep network, by how its weights begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines

Floats = NDArray[np.float64]

# Two ways to draw with one variance come to the same, and are two shades of one hue.
_COLOURS = {
    "naive-normal": "brown",
    "xavier-uniform": "cyan",
    "xavier-normal": "blue",
    "he-uniform": "gold",
    "he-normal": "orange",
    "orthogonal": "green",
}
_LEAST, _GREATEST = 1e-24, 1e24  # what lies beyond is left out, so that there is something to see near 1
_CAPTION = (
    "Thin: measured. Broad and pale: what theory predicts. The axes are the same everywhere; a level line is "
    "what training needs."
)


@dataclass(frozen=True)
class Course:
    """Variances (n,) layer by layer, as measured and as predicted."""

    name: str
    measured: Floats = field(repr=False)
    predicted: Floats = field(repr=False)


def variances(studied: Mapping[str, tuple[Sequence[Course], Sequence[Course]]]) -> Figure:
    """A row for each title: signals from the first layer to the last, and gradients on their way back."""
    courses = [course for pair in studied.values() for part in pair for course in part]
    axis = Axis("variance", "log", _limits(courses))
    panels = []
    for title, (signals, gradients) in studied.items():
        panels.append(_panel(f"{title}: signals", signals, Axis("layers from the input"), axis))
        panels.append(_panel(f"{title}: gradients", gradients, Axis("layers from the output"), axis))
    still = dict.fromkeys(course.name for course in courses if not _has_line(course))
    return Figure(tuple(panels), caption=f"{_CAPTION} {_still([*still])}".rstrip())


def _limits(courses: Sequence[Course]) -> tuple[float, float]:
    """The least and greatest of what can be drawn, with room around it."""
    shown = [
        values[_drawable(values)] for course in courses for values in (course.measured, course.predicted)
    ]
    every = np.concatenate([np.ones(1), *shown])
    return float(every.min()) / 10, float(every.max()) * 10


def _drawable(values: Floats) -> NDArray[np.bool_]:
    """(n,): which values have a place on the axis; zeros and what overflowed have none."""
    return (values >= _LEAST) & (values <= _GREATEST)


def _panel(title: str, courses: Sequence[Course], x: Axis, y: Axis) -> Panel:
    shown = [course for course in courses if _has_line(course)]
    marks = []
    for broad in (True, False):
        values = [course.predicted if broad else course.measured for course in shown]
        marks.append(
            Lines(
                tuple(np.arange(1.0, len(each) + 1) for each in values),
                tuple(np.where(_drawable(each), each, np.nan) for each in values),
                tuple("" if broad else course.name for course in shown),
                tuple(_COLOURS.get(course.name, series(7)) for course in shown),
                width=7 if broad else 1.8,
                opacity=0.22 if broad else 1,
            )
        )
    return Panel(tuple(marks), title, x=x, y=y)


def _has_line(course: Course) -> bool:
    return int(_drawable(course.measured).sum()) > 1


def _still(names: Sequence[str]) -> str:
    return f"There is no line for {' and '.join(names)}: nothing moves." if names else ""

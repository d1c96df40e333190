"""A data set as a map: samples that a network finds alike lie near one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.colours import SERIES, series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Mark, Points, Text

NAMED = len(SERIES)  # classes with a colour of their own


def embedding_map(
    places: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: Sequence[str],
    pictures: NDArray[np.uint8] | None = None,
    *,
    title: str = "",
    caption: str = "",
) -> Figure:
    """A dot for each sample at `places` (n, 2), in the colour of its class, `labels` (n,); each class's name
    stands in its middle. On a page a dot shows its picture, (n, h, w, 3) uint8, when it is pointed at.

    Without `classes` all dots are blue. Of more than eight, colours come again: names tell them apart. Of
    more than 32 neither would, so that all dots are blue, and it is said.
    """
    marks: list[Mark] = []
    groups = [np.flatnonzero(labels == index) for index in range(len(classes))] if classes else []
    met = sum(len(members) > 0 for members in groups)
    if met > 4 * NAMED:
        groups = []
        caption += f" {met} classes are too many for colours; on a page each dot tells its own."
    x, y = places.T.astype(np.float64)
    for index, members in enumerate(groups or [np.arange(len(places))]):
        if len(members):
            marks.append(Points(x[members], y[members], series(index), radius=3.5, opacity=0.75))
    marks += _class_names(places, groups, classes)
    words = [f"{classes[label]} · " for label in labels.tolist()] if classes else [""] * len(places)
    names = tuple(f"{word}sample {index}" for index, word in enumerate(words))
    # Unseen, and above all others, so that no dot lies over a picture.
    marks.append(Points(x, y, "ink", radius=3.5, opacity=0.0, names=names, pictures=pictures))
    # The two numbers have no unit and no direction of their own, but the same scale.
    across, along = _limits(x), _limits(y)
    panel = Panel(
        tuple(marks),
        x=Axis(limits=across, ticks=()),
        y=Axis(limits=along, ticks=()),
        aspect=float(np.clip((across[1] - across[0]) / (along[1] - along[0]), 0.75, 2.0)),
        width=860,
        caption=caption.strip(),
    )
    return Figure((panel,), title, columns=1)


def _class_names(
    places: NDArray[np.floating[Any]], groups: Sequence[NDArray[np.intp]], classes: Sequence[str]
) -> list[Mark]:
    return [
        Text(float(middle[0]), float(middle[1]), classes[index], "middle", "ink", 14.0, halo=True)
        for index, members in enumerate(groups)
        if len(members)
        for middle in [np.median(places[members], axis=0)]
    ]


def _limits(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin

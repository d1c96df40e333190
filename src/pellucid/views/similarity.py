"""How alike layers are, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis, thin
from pellucid.views.colours import ColourScale
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat, Mark, Matrix
from pellucid.views.words import LETTER, widest

WRITTEN = 16  # up to so many rows and columns, each cell has its number


def similarity_matrix(
    values: NDArray[np.floating[Any]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_title: str = "layer",
    column_title: str = "layer",
    caption: str = "",
) -> Figure:
    """`values` (rows, columns), 1 where two layers say the same; the first layers are on top and left. NaN,
    of a layer that says the same of everything, is left empty.
    """
    scale = ColourScale("unsigned", 0.0, 1.0, "linear CKA")
    mark: Mark = Heat(np.asarray(values, np.float64), scale)
    written = max(len(rows), len(columns)) <= WRITTEN
    if written:
        names = tuple(
            tuple(f"{row} and {column}: {values[i, j]:.3f}" for j, column in enumerate(columns))
            for i, row in enumerate(rows)
        )
        texts = tuple(
            tuple("" if not np.isfinite(value) else f"{value:.2f}" for value in line) for line in values
        )
        mark = Matrix(np.clip(values, 0, 1), "blue", texts, names)
    ticks = [
        tuple((at + 0.5, word) for at, word in enumerate(each)) if written else thin(each)
        for each in (columns, rows)
    ]
    panel = Panel(
        (mark,),
        frame=(float(len(rows)), float(len(columns))),
        x=Axis(column_title, ticks=ticks[0]),
        y=Axis(row_title, ticks=ticks[1]),
        width=min(160 + 46 * len(columns), 760) + widest(rows) * LETTER,
        key=None if written else scale,
        caption=caption,
    )
    return Figure((panel,), "How alike layers are", columns=1)

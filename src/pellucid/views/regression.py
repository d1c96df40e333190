"""How good predicted values are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis, number
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, Points


def predicted_against_true(predicted: NDArray[Any], truth: NDArray[Any]) -> Figure:
    """A dot for each sample, (n,) values in the target's unit; the diagonal is where it should be."""
    low, high = (float(limit(np.concatenate([predicted, truth]))) for limit in (np.min, np.max))
    margin = 0.03 * (high - low or 1.0)
    limits = (low - margin, high + margin)
    diagonal = np.array(limits)
    names = tuple(f"truth {number(t)}, predicted {number(p)}" for t, p in zip(truth, predicted, strict=True))
    panel = Panel(
        (
            Lines((diagonal,), (diagonal,), ("",), ("muted",), width=1.0, dashed=True),
            Points(
                np.asarray(truth, np.float64), np.asarray(predicted, np.float64), opacity=0.6, names=names
            ),
        ),
        x=Axis("truth", limits=limits),
        y=Axis("prediction", limits=limits),
        aspect=1.0,
    )
    return Figure((panel,), columns=1)

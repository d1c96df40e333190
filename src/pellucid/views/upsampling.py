"""What up-samplings make of nothing: the patterns of decoders that have not been trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.views.colours import signed
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat

_CAPTION = (
    "Every input pixel is the same, so an even picture is what one would want. Colours are deviations from "
    "the picture's mean, over its root mean square, on one scale for all; below is the checkerboard's share "
    "of the energy."
)


@dataclass(frozen=True)
class Response:
    """`values` (h, w) of an output in units of its root mean square, and which share of the energy of many
    such outputs repeats with the strides.
    """

    name: str
    values: NDArray[np.float64] = field(repr=False)
    checkerboard: float


def responses(found: Sequence[Response]) -> Figure:
    """A panel for each up-sampling, on one colour scale."""
    deviations = [each.values - each.values.mean() for each in found]
    scale = signed(np.concatenate([each.ravel() for each in deviations]), "deviation / rms")
    panels = [
        Panel(
            (Heat(values, scale),),
            each.name,
            frame=(float(values.shape[0]), float(values.shape[1])),
            width=260,
            key=scale if place == len(found) - 1 else None,
            caption=f"checkerboard: {100 * each.checkerboard:.0f} %",
        )
        for place, (each, values) in enumerate(zip(found, deviations, strict=True))
    ]
    return Figure(tuple(panels), columns=4, caption=_CAPTION)

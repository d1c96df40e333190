"""Activations and their slopes as curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines

Floats = NDArray[np.float64]


def activation_curves(x: Floats, curves: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """A panel for each name: values and slopes (n,) at `x` (n,)."""
    panels = [
        Panel((Lines((x, x), (values, slopes), ("φ", "φ'"), ("blue", "orange")),), name, x=Axis("x"))
        for name, (values, slopes) in curves.items()
    ]
    return Figure(tuple(panels), columns=4, caption="Blue: the activation. Orange: its slope.")

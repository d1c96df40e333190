"""What was seen inside a trained network for its report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.types.heatmap import Heatmap

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ExplainedMistakes:
    """Pictures (n, c, h, w) that were taken for another class, what they are, and where the evidence for what
    was said lies.
    """

    pictures: Pixels
    truths: tuple[str, ...]
    heatmap: Heatmap


@dataclass(frozen=True, eq=False)
class ExcitedFilters:
    """Of a layer's first channels what their strongest units see: `crops` (channels, k, c, h, w), and how
    strongly they answer, `values` (channels, k), the strongest first. They were sought in `samples` pictures.
    """

    layer: str
    crops: Pixels
    values: NDArray[np.float32]
    samples: int


@dataclass(frozen=True, eq=False)
class Embedded:
    """Samples of a split as a map of what a layer says: `places` (n, 2), `labels` (n,) and `pictures`
    (n, h, w, 3), small ones. `words` say how the map was made.
    """

    layer: str
    places: NDArray[np.float32]
    labels: NDArray[np.int64]
    pictures: Pixels
    words: str


@dataclass(frozen=True)
class Insight:
    """None is what this network and its data do not allow; `left_out` says why, by what is missing."""

    split: str
    mistakes: ExplainedMistakes | None = None
    filters: ExcitedFilters | None = None
    embedded: Embedded | None = None
    left_out: tuple[str, ...] = ()

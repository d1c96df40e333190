"""What the recorder keeps of a network at one step of its training; numpy only, so that views can read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class LayerStatistics:
    """One layer at one step. Norms are L2; `None` where the layer has no such thing (a ReLU has no weights).

    `gradient_norm` is of the layer's own parameters in the last training step, after clipping. `dead` is the
    fraction [0, 1] of the layer's units (channels) that are ≤ 0 everywhere on all probe pictures; it is given
    for activation layers only. `saturated` is the fraction [0, 1] of all values that lie within 2 % of the
    range's ends, of layers whose range has two (sigmoid, tanh). `player` is the name of the objective that
    trains the layer, where a training has several: each has a gradient of its own.
    """

    name: str
    kind: str
    gradient_norm: float | None
    weight_norm: float | None
    weight_mean: float | None
    weight_std: float | None
    activation_mean: float
    activation_std: float
    dead: float | None
    saturated: float | None = None
    player: str = ""


@dataclass(frozen=True)
class Probes:
    """The samples that are watched during training: `indices` (p,) in `split`, their `pictures` (p, c, h, w)
    uint8, which are empty (0,) for tables, and their `targets` (p, …) where the task's targets are one
    tensor, else empty (0,).
    """

    split: str
    indices: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    targets: NDArray[np.generic]


@dataclass(frozen=True)
class Recording:
    """`layers` in the order of execution. `filters` is (out, in, h, w) float32: the first convolution's
    kernels, or None.

    `maps` has, for some layers, float16 feature maps (probe, channel, h, w) of the first channels, for the
    first few probes. `predictions` (p, outputs) is what the network says of every probe: probabilities for
    classification, values otherwise. `exhibits` has the task's, (probe, h, w) or (probe, h, w,
    3) uint8 by name, of the first few probes.
    """

    step: int
    epoch: float
    layers: tuple[LayerStatistics, ...]
    filters: Floats | None
    maps: Mapping[str, Floats]
    predictions: Floats
    exhibits: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

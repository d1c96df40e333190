"""What can be set about an optimiser: the run's, or that of one player of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pellucid.types.errors import InputError

Optimiser = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "muon"]


def check(owner: Any, minimum: Mapping[str, float], maximum: Mapping[str, float] | None = None) -> None:
    """Raise `InputError` for the first field of `owner` that is below its minimum or above its maximum."""
    highest = maximum or {}
    for name, low in minimum.items():
        value, high = getattr(owner, name), highest.get(name)
        if not (low <= value < math.inf and (high is None or value <= high)):
            allowed = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
            raise InputError(f"{name.replace('_', '-')} must be {allowed}, got {value}")


@dataclass(frozen=True)
class OptimSettings:
    name: Optimiser = "adamw"
    """Which of torch's optimisers. Muon takes the hidden weight matrices; the rest of the network gets AdamW.
    """
    lr: float = 1e-3
    """Learning rate at its highest; the schedule scales it."""
    weight_decay: float = 0.0
    """Decay of the weights: decoupled for AdamW and Muon, an L2 term of the gradient for the others."""
    decay_norms_and_biases: bool = False
    """Whether biases and the scales and shifts of normalisation layers decay too."""
    momentum: float = 0.9
    """Of momentum, Nesterov, RMSprop and Muon."""
    beta1: float = 0.9
    """Adam's and AdamW's averaging of gradients."""
    beta2: float = 0.999
    """Adam's and AdamW's averaging of squared gradients; RMSprop's is 0.99."""
    first_layer: float = 1.0
    """Learning rate of the layer that works first, as a part of the last one's; from each layer to the next
    it grows by the same factor. For trained networks, whose early layers have less to learn.
    """

    def __post_init__(self) -> None:
        check(
            self,
            {"lr": 0, "weight_decay": 0, "momentum": 0, "beta1": 0, "beta2": 0},
            {"momentum": 0.9999, "beta1": 0.9999, "beta2": 0.999999},
        )
        if not self.lr > 0:
            raise InputError(f"lr must be a positive number, got {self.lr}")
        if not 0 < self.first_layer <= 1:
            raise InputError(f"first-layer must be above 0 and at most 1, got {self.first_layer}")
        if self.name == "nesterov" and not self.momentum:
            raise InputError("nesterov needs a momentum above 0; plain steps are called sgd")

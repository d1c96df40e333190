"""Points of the plane in two classes: the smallest data on which networks differ.

All lie in [−1, 1]². *linear*: two clouds that a straight line parts. *circles*: a disc inside a ring. *xor*:
four clouds, of which those opposite each other are one class (Minsky & Papert, "Perceptrons", 1969: no single
neuron parts them). *spiral*: two arms around each other (Lang & Witbrock, "Learning to tell two spirals
apart", 1988).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.ops.random import seed_of
from pellucid.types.errors import InputError, unknown_name


def _linear(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = _alternating(n)
    centres = (2 * labels - 1)[:, None] * torch.tensor([0.45, 0.45], dtype=torch.float64)
    return centres + 0.14 * _normal(n, draw), labels


def _circles(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = _alternating(n)
    radius = torch.where(labels == 1, 0.42 * _even(n, draw).sqrt(), 0.65 + 0.3 * _even(n, draw))
    angle = 2 * math.pi * _even(n, draw)
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1), labels


def _xor(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    signs = torch.stack([torch.arange(n) % 2, torch.arange(n) // 2 % 2], 1).double() * 2 - 1
    points = signs * (0.08 + 0.87 * torch.rand(n, 2, generator=draw, dtype=torch.float64))
    return points, (signs.prod(1) > 0).double()


def _spiral(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = _alternating(n)
    along = (torch.arange(n) // 2 + 1).double() / (n // 2 + 1)
    angle = 1.75 * 2 * math.pi * along + math.pi * labels
    points = 0.95 * along[:, None] * torch.stack([angle.sin(), angle.cos()], 1)
    return points + 0.01 * _normal(n, draw), labels


POINTS: dict[str, Callable[[int, torch.Generator], tuple[Tensor, Tensor]]] = {
    "linear": _linear,
    "circles": _circles,
    "xor": _xor,
    "spiral": _spiral,
}


def points_of(name: str, count: int = 160, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(n, 2) float64 points and (n,) float64 labels of 0 and 1, as many of one as of the other (within one).
    `noise` is the standard deviation of what is added to each coordinate.
    """
    if name not in POINTS:
        raise unknown_name("set of points", name, POINTS)
    if not 4 <= count <= 2000 or not 0 <= noise <= 2:
        raise InputError(f"expected 4 to 2,000 points and noise from 0 to 2; got {count} and {noise}")
    draw = torch.Generator().manual_seed(seed_of(seed))
    points, labels = POINTS[name](count, draw)
    return points + noise * _normal(count, draw), labels


def _alternating(n: int) -> Tensor:
    return (torch.arange(n) % 2).double()


def _even(n: int, draw: torch.Generator) -> Tensor:
    return torch.rand(n, generator=draw, dtype=torch.float64)


def _normal(n: int, draw: torch.Generator) -> Tensor:
    return torch.randn(n, 2, generator=draw, dtype=torch.float64)

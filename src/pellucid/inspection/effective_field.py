"""Effective receptive fields: how much each pixel really counts for a unit, with the weights that are there.

Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016:
influence falls off from the middle like a Gaussian, so that it is far narrower than the theoretical field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.modes import evaluation_mode
from pellucid.types.errors import InputError


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """`influence` is (height, width), in float64 on the CPU, and sums to 1: the share of each pixel in the
    mean squared gradient of the unit. `centre` and `deviation` are its mean and standard deviation per axis,
    in pixels, where pixel i reaches from i to i + 1.
    """

    unit: tuple[int, ...]
    influence: Tensor
    centre: tuple[float, ...]
    deviation: tuple[float, ...]


def effective_receptive_field(
    model: nn.Module, layer: str, pictures: Tensor, *, unit: Sequence[int] | None = None, seed: int = 0
) -> EffectiveField:
    """The influence of each pixel on one `unit` of `layer`'s map (by default the middle one).

    `pictures` (N, C, height, width) are what the network is looked at with, where its weights are; the
    gradients are squared and averaged over them and over their channels. The channels of the map are added
    with random signs, drawn from `seed` anew for each picture, so that on average their squares are added.
    The network runs in evaluation mode, and is left as it was. Raises `InputError` if the layer gives no map,
    or none that depends on the pictures.
    """
    inputs = pictures.detach().clone().requires_grad_()
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        with capture(model, layer, keep=lambda name, output: output) as seen:
            model(inputs)
        values = next(iter(seen.outputs.values()), None)
        if not isinstance(values, Tensor) or values.ndim != pictures.ndim:
            raise InputError(f"a map (N, C, …) was expected of {layer!r}; choose a layer that gives one")
        place: tuple[int, ...] = (
            tuple(length // 2 for length in values.shape[2:]) if unit is None else tuple(unit)
        )
        if len(place) != values.ndim - 2 or not all(
            map(range.__contains__, map(range, values.shape[2:]), place)
        ):
            raise InputError(f"{layer!r} has {tuple(values.shape[2:])} units; there is none at {place}")
        signs = torch.randint(2, values.shape[:2], generator=torch.Generator().manual_seed(seed)) * 2 - 1
        score = (values.flatten(2)[..., _flat(place, values.shape[2:])] * signs.to(values)).sum()
        (gradient,) = (
            torch.autograd.grad(score, inputs, allow_unused=True) if score.requires_grad else (None,)
        )
    squares = None if gradient is None else gradient.double().square().sum((0, 1)).cpu()
    if squares is None or not squares.any():
        raise InputError(f"unit {place} of {layer!r} does not change with the pictures; choose another one")
    return _described(place, squares / squares.sum())


def _flat(place: Sequence[int], shape: Sequence[int]) -> int:
    """The position of a unit among all of a map's."""
    position = 0
    for at, length in zip(place, shape, strict=True):
        position = position * length + at
    return position


def _described(unit: tuple[int, ...], influence: Tensor) -> EffectiveField:
    centre, deviation = [], []
    for axis in range(influence.ndim):
        others = [at for at in range(influence.ndim) if at != axis]
        share = influence.sum(others) if others else influence
        at = torch.arange(len(share), dtype=torch.float64) + 0.5
        mean = float((share * at).sum())
        centre.append(mean)
        deviation.append(float((share * (at - mean).square()).sum().sqrt()))
    return EffectiveField(unit, influence, tuple(centre), tuple(deviation))

"""Effective receptive fields: how much each pixel really counts for a unit, with the weights that are there.

Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016:
influence falls off from the middle like a Gaussian, so that it is far narrower than the theoretical field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture, key_of
from pellucid.inspection.layout import layer_layouts, layout_of_shape
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.address import Address
from pellucid.types.batch import leaves
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
    """The influence of each pixel on one `unit` of what is at the address `layer`: of a map (y, x), by
    default the middle one, of tokens (token,), of a vector ().

    `pictures` (N, C, height, width) are what the network is looked at with, where its weights are; the
    gradients are squared and averaged over them and over their channels. The channels of the map are added
    with random signs, drawn from `seed` anew for each picture, so that on average their squares are added.
    The network runs in evaluation mode, and is left as it was. Raises `InputError` if there is no such unit,
    and if it does not depend on the pictures.
    """
    layout = layer_layouts(model, [pictures]).get(key_of(Address.parse(layer)))
    inputs = pictures.detach().clone().requires_grad_()
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        with capture(model, layer, keep=lambda name, output: output.clone()) as seen:  # as it is now
            run(model, inputs)
        found = leaves(Tensor, seen.outputs.get(key_of(Address.parse(layer))))
        if not found:
            raise InputError(f"a map (N, C, …) was expected of {layer!r}; choose a layer that gives one")
        layout = layout or layout_of_shape(tuple(found[0].shape))
        values = layout.arranged(found[0])
        extent = tuple(values.shape[2:])
        place = tuple(length // 2 for length in extent) if unit is None else tuple(unit)
        if len(place) != len(extent) or not all(map(range.__contains__, map(range, extent), place)):
            raise InputError(f"{layer!r} has {extent} units; there is none at {place}")
        signs = torch.randint(2, values.shape[:2], generator=torch.Generator().manual_seed(seed)) * 2 - 1
        here = values.movedim((0, 1), (-2, -1))[place]  # (N, C)
        score = (here * signs.to(values)).sum()
        (gradient,) = (
            torch.autograd.grad(score, inputs, allow_unused=True) if score.requires_grad else (None,)
        )
    squares = None if gradient is None else gradient.double().square().sum((0, 1)).cpu()
    if squares is None or not squares.any():
        raise InputError(f"unit {place} of {layer!r} does not change with the pictures; choose another one")
    return _described(place, squares / squares.sum())


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

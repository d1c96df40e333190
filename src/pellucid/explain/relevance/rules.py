"""How a layer with weights shares relevance among its inputs.

A layer z = w x + b gave z_j and has relevance R_j at each output. Every rule is of one form: inputs and
weights are taken in parts, z is summed anew from the parts, and what each input brought into a sum decides
its share,

    R_i = Σ_groups share · Σ_parts x_i Σ_j w_ij · R_j / z_j

(Bach et al. 2015, "On pixel-wise explanations", PLoS ONE 10(7), equations 56 to 60; Montavon et al. 2019,
"Layer-wise relevance propagation: an overview", table 10.1). What the bias brought into a sum goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(x, w, b) → z: a convolution or a dense layer, with its stride, padding and groups."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """One call of a layer with weights. `index` counts them from 0 in the order in which they ran; `dense`
    tells dense layers from convolutions.
    """

    linear: Linear
    x: Tensor
    weight: Tensor
    bias: Tensor | None
    index: int
    dense: bool


@dataclass(frozen=True, eq=False)
class Part:
    """Inputs that meet weights; a part of factor −1 is taken away."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None = None
    factor: float = 1.0


Rule = Callable[[Weighted, Tensor], Tensor]
"""(the layer, the relevance of its outputs) → the relevance of its inputs."""

TINY = 1e-6


def stabilised(z: Tensor, epsilon: float = TINY) -> Tensor:
    """Moved away from 0, and 0 itself upwards, by `epsilon` of the root mean square over the picture: so it
    makes no difference whether a network works with large numbers or small ones.
    """
    size = z.square().mean(tuple(range(1, z.ndim)), keepdim=True).sqrt() if z.ndim > 1 else z.abs()
    least = torch.finfo(z.dtype).tiny  # where all is 0
    return z + (epsilon * size + least).copysign(z)


def shared(linear: Linear, parts: Sequence[Part], relevance: Tensor, epsilon: float = TINY) -> Tensor:
    """One group: `relevance` among the inputs, by what they brought into the sum of all `parts`."""
    with torch.enable_grad():
        inputs = [part.x.detach().requires_grad_() for part in parts]
        sums = [
            part.factor * linear(x, part.weight, part.bias) for part, x in zip(parts, inputs, strict=True)
        ]
        z = torch.stack(sums).sum(0)
        slopes = torch.autograd.grad(z, inputs, relevance / stabilised(z.detach(), epsilon))
    return torch.stack([x.detach() * slope for x, slope in zip(inputs, slopes, strict=True)]).sum(0)


def epsilon_rule(epsilon: float = TINY) -> Rule:
    """LRP-ε; with a tiny ε LRP-0, which on rectifiers is input × gradient."""

    def rule(layer: Weighted, relevance: Tensor) -> Tensor:
        return shared(layer.linear, [Part(layer.x, layer.weight, layer.bias)], relevance, epsilon)

    return rule


def gamma_rule(gamma: float) -> Rule:
    """LRP-γ: what speaks for an output counts 1 + γ times. Inputs may have either sign: for an output above 0
    it is the positive products that count more, for one below the negative ones.
    """

    def rule(layer: Weighted, relevance: Tensor) -> Tensor:
        z = layer.linear(layer.x, layer.weight, layer.bias)
        positive, negative = layer.x.clamp(min=0), layer.x.clamp(max=0)
        more = {sign: layer.weight + gamma * _signed(layer.weight, sign) for sign in (1, -1)}
        total = torch.zeros_like(layer.x)
        for sign, chosen in ((1, z >= 0), (-1, z < 0)):
            bias = None if layer.bias is None else layer.bias + gamma * _signed(layer.bias, sign)
            parts = [Part(positive, more[sign], bias), Part(negative, more[-sign])]
            total += shared(layer.linear, parts, relevance * chosen)
        return total

    return rule


def alpha_beta_rule(alpha: float, beta: float) -> Rule:
    """LRP-αβ with α − β = 1: positive products share α R among themselves, negative ones −β R."""

    def rule(layer: Weighted, relevance: Tensor) -> Tensor:
        positive, negative, bias = layer.x.clamp(min=0), layer.x.clamp(max=0), layer.bias
        total = torch.zeros_like(layer.x)
        for share, sign in ((alpha, 1), (-beta, -1)):
            if share:
                parts = [
                    Part(
                        positive, _signed(layer.weight, sign), bias if bias is None else _signed(bias, sign)
                    ),
                    Part(negative, _signed(layer.weight, -sign)),
                ]
                total += shared(layer.linear, parts, share * relevance)
        return total

    return rule


def box_rule(low: Tensor, high: Tensor) -> Rule:
    """The z^B rule of the first layer, for inputs that lie between `low` and `high` (…, c, 1, 1): what counts
    is how far a pixel is from the end that would have given less (Montavon et al. 2017, "Explaining nonlinear
    classification decisions with deep Taylor decomposition", equation 20).
    """

    def rule(layer: Weighted, relevance: Tensor) -> Tensor:
        ends = [(low, _signed(layer.weight, 1)), (high, _signed(layer.weight, -1))]
        parts = [Part(layer.x, layer.weight, layer.bias)]
        parts += [Part(end.expand_as(layer.x), weight, factor=-1.0) for end, weight in ends]
        return shared(layer.linear, parts, relevance)

    return rule


def flat_rule(layer: Weighted, relevance: Tensor) -> Tensor:
    """Every input in reach of an output gets the same share (Lapuschkin et al. 2019, "Unmasking Clever Hans
    predictors").
    """
    return shared(layer.linear, [Part(torch.ones_like(layer.x), torch.ones_like(layer.weight))], relevance)


def _signed(values: Tensor, sign: int) -> Tensor:
    """The values of one sign, the others 0."""
    return values.clamp(min=0) if sign > 0 else values.clamp(max=0)

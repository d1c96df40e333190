"""The sanity check of randomised weights: Adebayo et al. 2018, "Sanity checks for saliency maps", NeurIPS
(arXiv:1810.03292), section 3.1.

Layer after layer, from the last to the first, loses what it has learnt. A map that stays the same does not
depend on what the network knows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from pellucid.explain.faithfulness.order import at_pixels
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Target
from pellucid.inspection.capture import unwrapped
from pellucid.inspection.parts import named_parts
from pellucid.ops.random import seed_of
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

Method = Callable[[nn.Module, Tensor, Target], Heatmap]


@dataclass(frozen=True)
class Step:
    """`layer` and all after it are random: how much each picture's map is still like the first, as the rank
    correlation of its magnitudes, in [-1, 1].
    """

    layer: str
    likeness: tuple[float, ...]


def cascading_randomisation(
    model: nn.Module,
    inputs: Tensor,
    method: Method,
    target: Target | None = None,
    *,
    seed: int = 0,
    points: int = 0,
) -> tuple[Step, ...]:
    """The likeness of maps as ever more layers of a copy of the network are random; the target is what the
    network says as it is. With `points`, only at so many steps, evenly spread, the last one among them.
    """
    settled, _ = settle(model, fitting(model, inputs), target)
    fixed = Target(settled.texts[0], settled, lambda output: settled)
    first = at_pixels(method(model, inputs, fixed)).abs()
    random = copy.deepcopy(unwrapped(model))
    layers = [(name, module) for name, module in named_parts(random) if any(True for _ in _own(module))]
    if not layers:
        raise InputError("the network has no weights to randomise")
    layers.reverse()
    kept = {round(place) for place in torch.linspace(0, len(layers) - 1, points or len(layers)).tolist()}
    steps = []
    for place, (name, module) in enumerate(layers):
        _randomise(module, seed_of(seed, place))
        if place in kept or place == len(layers) - 1:
            now = at_pixels(method(random, inputs, fixed)).abs()
            steps.append(Step(name, tuple(map(_likeness, first, now))))
    return tuple(steps)


def _own(module: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in module.parameters(recurse=False) if weight.is_floating_point()]


def _randomise(module: nn.Module, seed: int) -> None:
    """Weights of the size that they had, in a random order: what they say is lost, what sizes do is not."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in _own(module):
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].reshape(weight.shape))


def _likeness(one: Tensor, other: Tensor) -> float:
    if bool((one == one[0, 0]).all()) or bool((other == other[0, 0]).all()):
        return 0.0  # a map of one value has no ranks
    return float(spearmanr(one.flatten().cpu(), other.flatten().cpu()).statistic)

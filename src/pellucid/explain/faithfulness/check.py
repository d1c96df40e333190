"""The scores of a map, beside those of a map that knows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.explain.faithfulness.curves import Curves, curves
from pellucid.explain.faithfulness.infidelity import infidelity
from pellucid.explain.faithfulness.order import at_pixels, random_maps
from pellucid.explain.faithfulness.road import road
from pellucid.explain.looking import pictures_alone
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Settled, Target, main_output
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

BETTER: Mapping[str, str] = {
    "deletion": "lower",
    "insertion": "higher",
    "ROAD, most relevant first": "lower",
    "ROAD, least relevant first": "higher",
    "infidelity": "lower",
}
"""The scores, and which way is better."""


@dataclass(frozen=True)
class Check:
    """`scores` of the map, and of a `random` one, by name in `BETTER`: one number for each picture. `of` says
    what they are scores of: a probability, or the target's own number.
    """

    of: str
    scores: Mapping[str, tuple[float, ...]]
    random: Mapping[str, tuple[float, ...]]
    seed: int

    def better(self, name: str) -> tuple[bool, ...]:
        """For each picture whether the map does better than the random one."""
        pairs = zip(self.scores[name], self.random[name], strict=True)
        lower = BETTER[name] == "lower"
        return tuple(ours < theirs if lower else ours > theirs for ours, theirs in pairs)


def check(
    model: nn.Module,
    inputs: Tensor,
    heatmap: Heatmap,
    target: Target | None = None,
    *,
    steps: int = 20,
    samples: int = 40,
    seed: int = 0,
    batch: int = 32,
    preprocessing: Preprocessing | None = None,
) -> Check:
    """How true `heatmap` is of what `model` says of `inputs`: deletion and insertion curves, ROAD, infidelity.

    `target` is what the map explains, by default each picture's likeliest class. Where it is that, or none is
    given, curves and ROAD are of its probability; else of the target's own number. Infidelity is always of
    the latter.
    """
    if len(heatmap) != len(inputs) or heatmap.size != tuple(inputs.shape[2:]):
        raise InputError(
            f"the map is of {len(heatmap)} pictures of {heatmap.size}; got {len(inputs)} of "
            f"{tuple(inputs.shape[2:])}"
        )
    with pictures_alone(model, inputs, target) as seen:
        judged, of = (seen.settled, heatmap.targets[0]) if target else (probability(model, inputs), "probability")
        maps = at_pixels(heatmap).to(seen.inputs.device)
        found = []
        for each in (maps, random_maps(maps, seed)):
            course = curves(
                model, seen.inputs, each, judged, steps=steps, batch=batch, preprocessing=preprocessing
            )
            most, least = road(model, seen.inputs, each, judged, seed=seed, batch=batch)
            left = infidelity(
                model, seen.inputs, each, seen.settled, seen.scores, samples=samples, seed=seed, batch=batch
            )
            numbers = (
                Curves.areas(course.deletion),
                Curves.areas(course.insertion),
                most.cpu(),
                least.cpu(),
                left.cpu(),
            )
            found.append(
                {name: tuple(map(float, each)) for name, each in zip(BETTER, numbers, strict=True)}
            )
    return Check(of, found[0], found[1], seed)


def probability(model: nn.Module, inputs: Tensor) -> Settled:
    """Of each picture the probability of its likeliest class: bounded, so that no picture rules a mean."""
    _, output = settle(model, fitting(model, inputs), None)
    numbers = main_output(output).detach()
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        raise InputError("the network tells no classes apart, so say what to judge maps by: give the target")
    classes = numbers.argmax(1)

    def score(altered: object, rows: Tensor) -> Tensor:
        likely = main_output(altered).float().softmax(1)
        return likely.gather(1, classes[rows, None]).squeeze(1)

    return Settled(("probability of the likeliest class",) * len(classes), score)

"""The scores of a map, beside those of a map that knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.explain.faithfulness.curves import area, deletion_curve, insertion_curve
from pellucid.explain.faithfulness.infidelity import infidelity
from pellucid.explain.faithfulness.order import at_pixels, random_maps
from pellucid.explain.faithfulness.road import road
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Settled, Target, main_output
from pellucid.explain.trying import AT_ONCE
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.heatmap import Heatmap

BETTER: Mapping[str, str] = {
    "deletion": "lower",
    "insertion": "higher",
    "road": "higher",
    "infidelity": "lower",
}
"""The scores, and which way is better. `road` is what remains when the least relevant pixels are taken away,
less what remains without the most relevant.
"""


@dataclass(frozen=True)
class Check:
    """`scores` of the map, and of a `random` one, by name in `BETTER`: one number for each picture. `of` says
    what curves and ROAD are of: a probability, or the target's own number.
    """

    of: str
    scores: Mapping[str, tuple[float, ...]]
    random: Mapping[str, tuple[float, ...]]
    seed: int

    def better(self, name: str) -> tuple[bool, ...]:
        """For each picture whether the map does better than the random one."""
        pairs = zip(self.scores[name], self.random[name], strict=True)
        return tuple(ours < theirs if BETTER[name] == "lower" else ours > theirs for ours, theirs in pairs)


@dataclass(frozen=True, eq=False)
class Judge:
    """What maps of one batch of pictures are judged by: `pictures` as the network takes them, `judged` for
    curves and ROAD, `own`, the target itself, for infidelity. `of` says what `judged` is.
    """

    model: nn.Module
    pictures: Tensor
    judged: Settled
    own: Settled
    own_scores: Tensor
    of: str
    steps: int = 20
    samples: int = 40
    seed: int = 0
    batch: int = AT_ONCE
    preprocessing: Preprocessing | None = None

    def scores(self, maps: Tensor, names: Sequence[str] = tuple(BETTER)) -> dict[str, tuple[float, ...]]:
        """Of maps (b, h, w) as large as the pictures."""
        for name in names:
            if name not in BETTER:
                raise unknown_name("score", name, BETTER)
        with torch.no_grad():
            return {name: tuple(map(float, _SCORES[name](self, maps))) for name in names}


def judge(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    steps: int = 20,
    samples: int = 40,
    seed: int = 0,
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Judge:
    """For maps of `target`. Without one they explain each picture's likeliest class, and are judged by its
    probability: it is bounded, so that no picture rules a mean.
    """
    pictures = fitting(model, inputs)
    own, output = settle(model, pictures, target)
    with torch.no_grad():
        own_scores = own(output)
    judged, of = (own, "the target") if target is not None else (_probability(output), "the probability")
    return Judge(model, pictures, judged, own, own_scores, of, steps, samples, seed, batch, preprocessing)


def check(
    model: nn.Module,
    inputs: Tensor,
    heatmap: Heatmap,
    target: Target | None = None,
    *,
    names: Sequence[str] = tuple(BETTER),
    steps: int = 20,
    samples: int = 40,
    seed: int = 0,
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
) -> Check:
    """How true `heatmap` is of what `model` says of `inputs`, and how true a random map is: deletion and
    insertion curves in `steps`, ROAD, and infidelity over `samples` squares. `target` is as for `judge`.
    """
    if len(heatmap) != len(inputs) or heatmap.size != tuple(inputs.shape[2:]):
        raise InputError(
            f"the map is of {len(heatmap)} pictures of {'×'.join(map(str, heatmap.size))}; got {len(inputs)} "
            f"of {'×'.join(map(str, inputs.shape[2:]))}"
        )
    by = judge(
        model,
        inputs,
        target,
        steps=steps,
        samples=samples,
        seed=seed,
        batch=batch,
        preprocessing=preprocessing,
    )
    maps = at_pixels(heatmap).to(by.pictures.device)
    return Check(by.of, by.scores(maps, names), by.scores(random_maps(maps, seed), names), seed)


def _deletion(by: Judge, maps: Tensor) -> Sequence[float]:
    curve = deletion_curve(by.model, by.pictures, maps, by.judged, steps=by.steps, batch=by.batch)
    return area(curve).tolist()


def _insertion(by: Judge, maps: Tensor) -> Sequence[float]:
    curve = insertion_curve(by.model, by.pictures, maps, by.judged, steps=by.steps, batch=by.batch)
    return area(curve).tolist()


def _road(by: Judge, maps: Tensor) -> Tensor:
    most, least = road(by.model, by.pictures, maps, by.judged, seed=by.seed, batch=by.batch)
    return least - most


def _infidelity(by: Judge, maps: Tensor) -> Tensor:
    return infidelity(
        by.model,
        by.pictures,
        maps,
        by.own,
        by.own_scores,
        samples=by.samples,
        seed=by.seed,
        batch=by.batch,
        preprocessing=by.preprocessing,
    )


_SCORES: Mapping[str, Callable[[Judge, Tensor], Sequence[float] | Tensor]] = {
    "deletion": _deletion,
    "insertion": _insertion,
    "road": _road,
    "infidelity": _infidelity,
}


def _probability(output: object) -> Settled:
    """Of each picture that of its likeliest class."""
    numbers = main_output(output).detach()
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        raise InputError("the network tells no classes apart; give the target that maps are to be judged by")
    classes = numbers.argmax(1)

    def score(altered: object, rows: Tensor) -> Tensor:
        likely = main_output(altered).float().softmax(1)
        return likely.gather(1, classes[rows, None]).squeeze(1)

    return Settled(("probability of the likeliest class",) * len(classes), score)

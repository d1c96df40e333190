"""The scores of a map, beside those of a map that knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pellucid.explain.faithfulness.curves import area, deletion_curve, insertion_curve
from pellucid.explain.faithfulness.infidelity import infidelity
from pellucid.explain.faithfulness.order import at_pixels, random_map
from pellucid.explain.faithfulness.road import road
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Settled, Target, main_output
from pellucid.explain.trying import AT_ONCE
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
    """`scores` of a map, and of a `random` one of the same grain, by name in `BETTER`: one number for each
    picture. `of` says what curves and ROAD are of: a probability, or the target's own number.
    """

    of: str
    scores: Mapping[str, tuple[float, ...]]
    random: Mapping[str, tuple[float, ...]]
    seed: int

    def better(self, name: str) -> tuple[bool, ...]:
        """For each picture whether the map does better than the random one."""
        pairs = zip(self.scores[name], self.random[name], strict=True)
        return tuple(ours < theirs if BETTER[name] == "lower" else ours > theirs for ours, theirs in pairs)

    def beside(self, heatmap: Heatmap) -> Heatmap:
        """The map with both among its scores."""
        told = {
            name: numbers
            for each in self.scores
            for name, numbers in ((each, self.scores[each]), (f"{each} of a random map", self.random[each]))
        }
        directions = ", ".join(f"{each} {BETTER[each]}" for each in self.scores)
        note = f"checked by {self.of}; better is: {directions}"
        return replace(heatmap, scores={**heatmap.scores, **told}, notes=(*heatmap.notes, note))


@dataclass(frozen=True)
class Effort:
    """`names` of scores (`BETTER`); curves of so many `steps`, infidelity over so many `samples`; `batch`
    pictures run together.
    """

    names: tuple[str, ...] = tuple(BETTER)
    steps: int = 20
    samples: int = 40
    seed: int = 0
    batch: int = AT_ONCE

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in BETTER:
                raise unknown_name("score", name, BETTER)
        if min(self.steps, self.samples, self.batch) < 1:
            raise InputError(
                "expected steps, samples and pictures at once from 1 on; "
                f"got {self.steps}, {self.samples} and {self.batch}"
            )


@dataclass(frozen=True, eq=False)
class Judge:
    """What maps of one batch of pictures are judged by: `pictures` as the network takes them, `judged` for
    curves and ROAD, `own`, the target itself, with its `own_scores` for infidelity. `of` says what `judged`
    is.
    """

    model: nn.Module
    pictures: Tensor
    judged: Settled
    own: Settled
    own_scores: Tensor
    of: str
    effort: Effort
    _random: dict[tuple[int, ...], Mapping[str, tuple[float, ...]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def scores(self, maps: Tensor) -> dict[str, tuple[float, ...]]:
        """Of maps (b, h, w) as large as the pictures."""
        with torch.no_grad():
            return {name: tuple(map(float, _SCORES[name](self, maps))) for name in self.effort.names}

    def random(self, heatmap: Heatmap) -> Mapping[str, tuple[float, ...]]:
        """The scores of a map of the same grain that knows nothing."""
        grain = heatmap.values.shape[1:]
        if grain not in self._random:
            blind = at_pixels(random_map(heatmap, self.effort.seed)).to(self.pictures.device)
            self._random[grain] = self.scores(blind)
        return self._random[grain]

    def check(self, heatmap: Heatmap) -> Check:
        """Raises `InputError` for a map of other pictures."""
        size = tuple(self.pictures.shape[2:])
        if len(heatmap) != len(self.pictures) or heatmap.size != size:
            raise InputError(
                f"the map is of {len(heatmap)} pictures of {'×'.join(map(str, heatmap.size))}; "
                f"got {len(self.pictures)} of {'×'.join(map(str, size))}"
            )
        maps = at_pixels(heatmap).to(self.pictures.device)
        return Check(self.of, self.scores(maps), self.random(heatmap), self.effort.seed)


def judge(
    model: nn.Module, inputs: Tensor, target: Target | None = None, effort: Effort | None = None
) -> Judge:
    """For maps of `target`. Without one they explain each picture's likeliest class, and are judged by its
    probability: it is bounded, so that no picture rules a mean.
    """
    pictures = fitting(model, inputs)
    own, output = settle(model, pictures, target)
    with torch.no_grad():
        own_scores = own(output)
    judged, of = (own, "the target") if target is not None else (_probability(output), "the probability")
    return Judge(model, pictures, judged, own, own_scores, of, effort or Effort())


def check(
    model: nn.Module,
    inputs: Tensor,
    heatmap: Heatmap,
    target: Target | None = None,
    effort: Effort | None = None,
) -> Check:
    """How true `heatmap` is of what `model` says of `inputs`, and how true a random map is. `target` is as
    for `judge`.
    """
    return judge(model, inputs, target, effort).check(heatmap)


def _deletion(by: Judge, maps: Tensor) -> Sequence[float]:
    steps, batch = by.effort.steps, by.effort.batch
    found: list[float] = area(
        deletion_curve(by.model, by.pictures, maps, by.judged, steps=steps, batch=batch)
    ).tolist()
    return found


def _insertion(by: Judge, maps: Tensor) -> Sequence[float]:
    steps, batch = by.effort.steps, by.effort.batch
    found: list[float] = area(
        insertion_curve(by.model, by.pictures, maps, by.judged, steps=steps, batch=batch)
    ).tolist()
    return found


def _road(by: Judge, maps: Tensor) -> Tensor:
    seed, batch = by.effort.seed, by.effort.batch
    most, least = road(by.model, by.pictures, maps, by.judged, seed=seed, batch=batch)
    return least - most


def _infidelity(by: Judge, maps: Tensor) -> Tensor:
    samples, seed, batch = by.effort.samples, by.effort.seed, by.effort.batch
    return infidelity(
        by.model, by.pictures, maps, by.own, by.own_scores, samples=samples, seed=seed, batch=batch
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

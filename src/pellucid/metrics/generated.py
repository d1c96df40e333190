"""How good generated samples are, beside real ones, in the features of a network that is named with every
number; and how the two players of a GAN stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from pellucid.metrics.frechet import frechet_distance
from pellucid.metrics.support import NEIGHBOURS, nearest, radii, support
from pellucid.ops.adversarial import between, slopes
from pellucid.types.batch import Batch

_COMPARED = 2000  # of each, by their neighbours: the cost grows with the square
_SHARE = 0.1  # of what falls to a class evenly, from which on it counts as covered


@dataclass(frozen=True)
class Judge:
    """What samples are judged by: `features` makes (b, d) float32 of samples as the task's network sees them.

    `name` says whose features they are, "lenet5 of runs/mnist, layer relu4" for instance.
    """

    name: str
    features: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Generated:
    """What a GAN says of a batch of real samples, `inputs`: as many `samples` of its own, (b, …) normalised
    as those are, of the classes `labels` (b,) where it is told any, and the critic's scores (b,) of both,
    `real` and `fake`. `score(samples, labels)` is the critic in evaluation mode.
    """

    inputs: Tensor
    samples: Tensor
    labels: Tensor | None
    real: Tensor
    fake: Tensor
    score: Callable[[Tensor, Tensor | None], Tensor]

    @cached_property
    def slopes(self) -> Tensor:
        """(b,): the slope of the score halfway between each pair of a real and a generated sample."""
        with torch.inference_mode(False):  # gradients, of tensors that may have some
            pair = self.inputs.float().clone(), self.samples.clone()
            halves = torch.full((len(self.inputs),), 0.5)
            labels = None if self.labels is None else self.labels.clone()
            return slopes(lambda x: self.score(x, labels), between(*pair, halves)).detach()


class SampleQuality:
    """`compute` gives FID, precision, recall, density and coverage, each with the judge's name in brackets,
    the numbers of samples of each kind that went into FID (all of them) and that were compared by neighbours
    (for the rest), and where the data have classes, how many of them are covered: those that at least a tenth
    of their share of the samples goes to, where good samples (in some real one's ball) go to the nearest real
    one's class.

    Where samples are fewer than features + 1, it says how many FID lacks, for then the covariance is singular
    and the number too low to be trusted.
    """

    def __init__(self, judge: Judge, classes: int = 0) -> None:
        self.judge, self.classes = judge, classes
        self.real: list[Tensor] = []
        self.fake: list[Tensor] = []
        self.targets: list[Tensor] = []

    def update(self, output: Generated, batch: Batch) -> None:
        self.real.append(self.judge.features(batch.inputs).cpu())
        self.fake.append(self.judge.features(output.samples).cpu())
        if self.classes:
            self.targets.append(batch.targets.cpu())

    def merge(self, other: Self) -> None:
        self.real, self.fake = self.real + other.real, self.fake + other.fake
        self.targets = self.targets + other.targets

    def __getstate__(self) -> dict[str, Any]:
        """Without the judge, which may hold a network: what another process merges are the features."""
        return {**self.__dict__, "judge": Judge(self.judge.name, _gone)}

    def compute(self) -> dict[str, float]:
        if not self.real:
            return {}
        real, fake = torch.cat(self.real), torch.cat(self.fake)
        name, (count, size) = self.judge.name, real.shape
        if count <= NEIGHBOURS:
            return {}
        found = {f"FID ({name})": frechet_distance(real, fake)}
        if count <= size:
            found["samples that FID lacks"] = float(size + 1 - count)
        some, others = real[:_COMPARED], fake[:_COMPARED]
        lies = support(some, others)
        found |= {
            f"{each} ({name})": getattr(lies, each) for each in ("coverage", "precision", "recall", "density")
        }
        if self.classes:
            found["classes covered"] = float(self._covered(some, others))
        return {**found, "samples in FID": float(count), "samples compared": float(len(some))}

    def _covered(self, real: Tensor, fake: Tensor) -> int:
        """How many classes the good samples cover."""
        closest, targets = nearest(fake, real), torch.cat(self.targets)[: len(real)]
        good = (fake - real[closest]).norm(dim=1) <= radii(real, NEIGHBOURS)[closest]
        counts = torch.bincount(targets[closest[good]], minlength=self.classes)
        shares = torch.bincount(targets, minlength=self.classes)
        return int((counts >= (_SHARE * shares).clamp_min(1)).sum())


def _gone(samples: Tensor) -> Tensor:
    raise RuntimeError("a judge does not travel between processes")


class Duel:
    """How the critic stands against the generator. `compute` gives, of its scores,

    - "gap": the mean of real minus that of generated samples;
    - "Lipschitz": the greatest slope found between them, a lower bound of the critic's Lipschitz constant;
    - "Wasserstein": gap / Lipschitz, the distance that the critic shows, if no slope is greater. By the
    duality of Kantorovich and Rubinstein it is at most the true one, whatever the critic was trained for;
    - "told apart": the part in [0, 1] of pairs in which the real sample has the higher score; ½ is chance.
    """

    def __init__(self) -> None:
        self.gap, self.lipschitz, self.right, self.count = 0.0, 0.0, 0.0, 0

    def update(self, output: Generated, batch: Batch) -> None:
        self.gap += float((output.real - output.fake).double().sum())
        self.lipschitz = max(self.lipschitz, float(output.slopes.max()))
        higher = (output.real > output.fake).double() + 0.5 * (output.real == output.fake)
        self.right += float(higher.sum())
        self.count += len(output.real)

    def merge(self, other: Self) -> None:
        self.gap, self.right = self.gap + other.gap, self.right + other.right
        self.lipschitz, self.count = max(self.lipschitz, other.lipschitz), self.count + other.count

    def compute(self) -> dict[str, float]:
        if not self.count:
            return {}
        gap = self.gap / self.count
        return {
            "gap": gap,
            "Lipschitz": self.lipschitz,
            "Wasserstein": gap / self.lipschitz if self.lipschitz else math.nan,
            "told apart": self.right / self.count,
        }


METRICS = {"sample-quality": SampleQuality, "duel": Duel}

"""What a trained generator is worth, by a classifier that is named: distances in its features, and what it
says of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.data.loading import normalise
from pellucid.data.opening import open_data
from pellucid.data.subset import spread
from pellucid.inspection.features import last_features
from pellucid.inspection.modes import evaluation_mode
from pellucid.metrics.frechet import frechet_distance
from pellucid.metrics.generated import Judge
from pellucid.metrics.inception_score import inception_score
from pellucid.metrics.kernel_distance import kernel_distance_of_subsets
from pellucid.metrics.support import support
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.opened import OpenedNetwork
from pellucid.tasks.classification import Classification
from pellucid.tasks.diffusion import Diffusion
from pellucid.tasks.generation import Generation
from pellucid.tasks.judges import as_expected, by_network, pixels
from pellucid.training.processes import ALONE
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

_AT_ONCE = 250
_COMPARED = 2000  # of each, by their neighbours


@dataclass(frozen=True)
class Judgement:
    """`scores` by name. `judge` is whose features and classes they are, of `real` and `made` samples;
    `seen` has the part of the made samples that falls to each class, in the order of `classes`. `warnings`
    are what a reader has to know before the numbers.
    """

    judge: str
    real: int
    made: int
    scores: dict[str, float]
    classes: tuple[str, ...]
    seen: tuple[float, ...]
    warnings: tuple[str, ...]


def judge_run(path: Path, by: OpenedNetwork, *, samples: int = 2000, split: str = "test") -> Judgement:
    """Judge as many samples of the run's generator as real ones of a split, at most `samples`, which are
    spread evenly over it. Raises `InputError` where the run makes no pictures, the data have no such split,
    or `by` is no classifier.
    """
    if not isinstance(by.task, Classification) or by.task.multilabel or len(by.info.classes) == 1:
        raise InputError(
            f"{by.name} gives pictures no class of several, which judging takes: name a classifier"
        )
    opened = open_run(path)
    task = opened.recipe.task.build(opened.info)
    if not isinstance(task, (Generation, Diffusion)) or len(opened.info.shape) != 3:
        raise InputError(f"{path} makes no pictures, which could be judged")
    model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
    source = spread(open_data(opened.recipe.data), split, samples)
    expected, stored = by.preprocessing, opened.info.preprocessing
    layer = last_features(by.model, torch.zeros(1, *by.shape))
    judge = by_network(by.model, layer, f"{by.name}, layer {layer}", expected, stored)
    real, made, said = list[Tensor](), list[Tensor](), list[Tensor]()
    with evaluation_mode(model), evaluation_mode(by.model), torch.inference_mode():
        for indices in torch.split(torch.arange(len(source)), _AT_ONCE):
            batch = normalise(source.fetch(indices), stored)
            fake = _made(task, model, batch)
            real.append(judge.features(batch.inputs))
            made.append(judge.features(fake))
            said.append(by.model(as_expected(pixels(fake, stored), expected)).float().softmax(1))
    return _judged(judge, torch.cat(real), torch.cat(made), torch.cat(said), by)


def _made(task: Generation | Diffusion, model: nn.Module, batch: Batch) -> Tensor:
    output = task.forward(model, batch)
    return output.sample()[-1] if not hasattr(output, "samples") else output.samples


def _judged(judge: Judge, real: Tensor, made: Tensor, said: Tensor, by: OpenedNetwork) -> Judgement:
    kernel, spread = kernel_distance_of_subsets(real, made)
    lies = support(real[:_COMPARED], made[:_COMPARED])
    score, _ = inception_score(said)
    confidence, places = said.max(1)
    seen = torch.bincount(places, minlength=said.shape[1]).double() / len(said)
    scores = {
        "FID": frechet_distance(real, made),
        "KID": kernel,
        "KID, deviation over subsets": spread,
        "precision": lies.precision,
        "recall": lies.recall,
        "density": lies.density,
        "coverage": lies.coverage,
        "Inception score": score,
        "classifier's confidence, mean": float(confidence.mean()),
        "classes seen": float((seen >= 0.1 / said.shape[1]).sum()),
    }
    warnings = []
    if min(len(real), len(made)) <= real.shape[1]:
        warnings.append(
            f"FID of {len(made):,} samples in {real.shape[1]:,} features is not to be trusted: the "
            f"covariance needs {real.shape[1] + 1:,} or more"
        )
    names = tuple(by.class_name(index) for index in range(said.shape[1]))
    seen_by_class = tuple(seen.tolist())
    return Judgement(judge.name, len(real), len(made), scores, names, seen_by_class, tuple(warnings))

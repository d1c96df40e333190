"""Does the automatic precision learn as well as fp32? `python -m bench precision --data FOLDER [--epochs N]`

The recipe cifar-resnet20, its schedule shortened to some epochs, is trained on the folder in fp32 and with
whatever Pellucid chooses, from three seeds each, by turns. The accuracies on the test split agree if their
means differ by less than twice the standard error of the difference. A turn is a whole training with its
evaluations; the first ones, too, count for the accuracy.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from bench.measure import Options, Work, timed
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models.naming import build_model
from pellucid.recipes import RECIPES
from pellucid.recipes.fitting import expected_by
from pellucid.recipes.recipe import Recipe
from pellucid.training.events import Diverged, Evaluated, Started
from pellucid.training.loop import fit
from pellucid.training.settings import HardwareSettings
from pellucid.types.errors import InputError

SEEDS = 3


def works(options: Options) -> Iterator[Work]:
    if options.data is None:
        raise InputError("the bench precision needs pictures to train on: --data FOLDER")
    recipe = RECIPES["cifar-resnet20"]()
    data = expected_by(recipe.model, open_data(DataSettings(path=options.data)))
    exact = Trainings(recipe, data, options, "fp32")
    chosen = Trainings(recipe, data, options, "auto")
    yield Work(
        f"precision: {recipe.name}, {options.epochs} epochs of {data.info.counts['train']:,} pictures",
        "pictures",
        data.info.counts["train"] * options.epochs,
        {"fp32": timed(exact.run), "automatic": timed(chosen.run)},
        SEEDS - 1,
        findings=lambda _: findings(exact, chosen),
    )


@dataclass
class Trainings:
    """Trainings in one precision, from seed 0 upwards; `accuracies` are those at their ends."""

    recipe: Recipe
    data: Data
    options: Options
    precision: Literal["fp32", "auto"]
    accuracies: list[float] = field(default_factory=list)
    execution: str = ""

    def run(self) -> None:
        seed = len(self.accuracies)
        hardware = HardwareSettings(device="cpu", precision=self.precision, threads=self.options.threads)
        settings = replace(self.recipe.training, epochs=self.options.epochs, seed=seed, hardware=hardware)
        torch.manual_seed(seed)
        classes = self.recipe.task.outputs(self.data.info)
        model = build_model(self.recipe.model.name, inputs=self.data.info.shape, outputs=classes)
        last: Mapping[str, float] = {}
        for event in fit(model, self.recipe.task.build(self.data.info), self.data, settings):
            match event:
                case Started():
                    self.execution = event.execution
                case Evaluated():
                    last = event.metrics
                case Diverged():
                    raise ArithmeticError(event.description)
        self.accuracies.append(last["top-1"])


def findings(exact: Trainings, chosen: Trainings) -> dict[str, object]:
    """The accuracies by seed, and whether they agree."""
    difference = statistics.mean(chosen.accuracies) - statistics.mean(exact.accuracies)
    variances = [statistics.variance(it.accuracies) / len(it.accuracies) for it in (exact, chosen)]
    error = math.sqrt(sum(variances))
    return {
        f"top-1 in fp32 ({exact.execution})": exact.accuracies,
        f"top-1 with automatic precision ({chosen.execution})": chosen.accuracies,
        "difference of the means": difference,
        "its standard error": error,
        "agree within seed noise": abs(difference) < 2 * error,
    }

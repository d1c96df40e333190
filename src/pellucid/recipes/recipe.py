"""A recipe: one complete experiment as a frozen tree of values, built from data to network and task by
`prepare`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import nn

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models.naming import build_model
from pellucid.models.weights import load_weights
from pellucid.ops.random import seed_of
from pellucid.tasks.classification import ClassificationSettings
from pellucid.tasks.task import Task, TaskSettings
from pellucid.training.settings import Settings
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class ModelSettings:
    name: str = "lenet5"
    """A name of `pellucid list models`, torchvision/NAME, timm/NAME, or path/to/file.py:factory."""
    weights: Path | None = None
    """A file of weights to start from: .safetensors, .pt, .pth or .th."""
    mean: tuple[float, ...] = ()
    """What the network expects to be subtracted from each channel, in [0, 1]; by default the training
    pictures' mean.
    """
    std: tuple[float, ...] = ()
    """What it expects each channel to be divided by; by default the training pictures' deviation."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or any(not value > 0 for value in self.std):
            raise InputError(
                "model.mean and model.std need a number for each channel, the latter positive; "
                f"got {self.mean}, {self.std}"
            )


@dataclass(frozen=True)
class Recipe:
    """Every field can be set on the command line: those of `training` by their bare names (`--epochs 5`,
    `--optim.lr 0.1`).
    """

    name: str
    """What the run is called."""
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    task: TaskSettings = field(default_factory=ClassificationSettings)
    training: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)


@dataclass(frozen=True)
class Prepared:
    """A recipe's data opened, its network built and initialised, its task bound to the data."""

    data: Data
    model: nn.Module
    task: Task


def expected_by(model: ModelSettings, data: Data) -> Data:
    """`data`, normalised as the network expects it. Raises `InputError` where that is for other channels."""
    if not model.mean:
        return data
    if len(model.mean) != data.info.shape[0]:
        raise InputError(
            f"{model.name} expects {len(model.mean)} channels (model.mean), "
            f"{data.info.name} has {data.info.shape[0]}"
        )
    preprocessing = replace(data.info.preprocessing, mean=model.mean, std=model.std)
    return replace(data, info=replace(data.info, preprocessing=preprocessing))


def prepare(recipe: Recipe) -> Prepared:
    """Open the data and build the rest for them. The initial weights are decided by `training.seed` alone.

    Raises `InputError` for anything in the recipe that cannot be done.
    """
    data = expected_by(recipe.model, open_data(recipe.data))
    outputs = recipe.task.outputs(data.info)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(recipe.training.seed))
        model = build_model(recipe.model.name, inputs=data.info.shape, outputs=outputs)
    if recipe.model.weights is not None:
        load_weights(model, recipe.model.weights)
    return Prepared(data, model, recipe.task.build(data.info))

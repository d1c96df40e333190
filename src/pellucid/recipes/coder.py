"""An autoencoder opened to be used: pictures to codes, codes to pictures, and what a picture costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data, Source
from pellucid.models.autoencoder import Autoencoder
from pellucid.models.naming import build_model
from pellucid.ops.random import seed_of
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.fitting import sized_for
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import prepare
from pellucid.tasks.autoencoding import Autoencoding, AutoencodingSettings
from pellucid.training.events import Diverged, Evaluated
from pellucid.training.loop import fit
from pellucid.training.processes import ALONE
from pellucid.training.settings import HardwareSettings, OptimSettings, ScheduleSettings, Settings
from pellucid.types.coding import Coded
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError

_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Codes:
    """Of n samples: `codes` (n, k), the mean where a code is random; `errors` (n,), what giving each picture
    back costs in the unit of the loss; `labels` (n,), -1 without classes; `indices` (n,).
    """

    codes: Tensor
    errors: Tensor
    labels: Tensor
    indices: Tensor


@dataclass(frozen=True, eq=False)
class Coder:
    """`model` in evaluation mode with its weights, as `task` uses it, for data like `info`."""

    model: Autoencoder
    task: Autoencoding
    info: DataInfo

    @property
    def variational(self) -> bool:
        """Whether codes of the prior, a standard normal distribution, can be decoded."""
        channels, height, width = self.info.shape
        return self.model.posterior(torch.zeros(1, channels, height, width))[1] is not None

    @torch.inference_mode()
    def encode(self, source: Source) -> Codes:
        """All samples of `source`."""
        columns: list[tuple[Tensor, ...]] = []
        for output, targets, indices in self.outputs(source):
            single = isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point()
            labels = targets if isinstance(targets, Tensor) and single else torch.full_like(indices, -1)
            columns.append((output.code, output.errors_at_mean, labels, indices))
        return Codes(*(torch.cat(column) for column in zip(*columns, strict=True)))

    def outputs(self, source: Source) -> Iterator[tuple[Coded, object, Tensor]]:
        """What becomes of each batch of `source`, with its targets and indices."""
        pipeline = Pipeline(self.info.preprocessing)
        for batch in evaluation_batches(source, _AT_ONCE, pipeline, "cpu", workers=0):
            yield self.task.forward(self.model, batch), batch.targets, batch.indices

    @torch.inference_mode()
    def decode(self, codes: Tensor, label: int | None = None) -> NDArray[np.uint8]:
        """(n, k) → (n, h, w, 3). Conditional networks are told the class `label`.

        Raises `InputError` for codes of another length, or a label missing or not known.
        """
        if codes.ndim != 2 or codes.shape[1] != self.model.code:
            raise InputError(
                f"this network's codes have {self.model.code} numbers; got codes {tuple(codes.shape)}"
            )
        told = None
        if self.model.conditions:
            if label is None:
                raise InputError("this network is told the class of what it decodes; give a class")
            told = torch.full((len(codes),), label)
        made = self.task.given(self.model.decode(codes.float(), told))
        shown = (255 * made).round().byte().permute(0, 2, 3, 1).expand(-1, -1, -1, 3)
        pictures: NDArray[np.uint8] = shown.contiguous().numpy()
        return pictures


def open_coder(what: str, *, weights: str = "", data: DataSettings | None = None) -> tuple[Coder, Data]:
    """The autoencoder of a run folder, or of a recipe with `weights`, and the data to look at it with:
    `data`, or its own. Raises `InputError` for what is no autoencoder, or does not fit.
    """
    if not (Path(what) / "run.json").exists():
        recipe = find_recipe(what)
        _check(recipe.task)
        if not weights and not recipe.model.weights:
            raise InputError(
                f"{what} has no trained weights of its own; give --weights FILE, or a run folder"
            )
        recipe = replace(recipe, model=replace(recipe.model, weights=weights or recipe.model.weights))
        prepared = prepare(replace(recipe, data=data or recipe.data))
        return _coder(prepared.model, prepared.task, prepared.data.info), prepared.data
    opened = open_run(Path(what))
    _check(opened.recipe.task)
    model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
    coder = _coder(model, opened.recipe.task.build(opened.info), opened.info)
    return coder, open_like(coder, data or opened.recipe.data)


def open_like(coder: Coder, settings: DataSettings) -> Data:
    """Data brought to the size and channels that the network knows."""
    data = open_data(sized_for(settings, coder.info.preprocessing))
    if data.info.shape != coder.info.shape:
        raise InputError(
            f"{data.info.name} has inputs of shape {data.info.shape}, where the network "
            f"knows {coder.info.shape}"
        )
    return replace(data, info=replace(data.info, preprocessing=coder.info.preprocessing))


def as_pixels(data: Data, split: str) -> Tensor:
    """All pictures of a split, (n, c, h, w) float32 in [0, 1]."""
    source = data.splits[split]
    return source.fetch(torch.arange(len(source))).inputs.float() / 255


@dataclass(frozen=True)
class Effort:
    """How an autoencoder is trained on the way to something else: epochs, samples in a batch, the learning
    rate's greatest value, what decides weights and order, and processor threads (0: all).
    """

    epochs: int = 20
    batch: int = 128
    rate: float = 2e-3
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch) < 1 or not 0 < self.rate < math.inf or self.threads < 0:
            raise InputError(
                "expected epochs and a batch from 1 on, a positive rate and threads from 0 on; got "
                f"{self.epochs}, {self.batch}, {self.rate:g} and {self.threads}"
            )

    def settings(self) -> Settings:
        return Settings(
            epochs=self.epochs,
            batch_size=self.batch,
            seed=self.seed,
            optim=OptimSettings("adamw", lr=self.rate, weight_decay=0.0),
            schedule=ScheduleSettings("one-cycle"),
            hardware=HardwareSettings(device="cpu", precision="fp32", threads=self.threads, compile="off"),
        )


def begun(name: str, task: AutoencodingSettings, data: Data, seed: int) -> Coder:
    """The network called `name` for `data`, whose pixels it sees as they are, with its initial weights."""
    channels = data.info.shape[0]
    record = replace(data.info.preprocessing, mean=(0.0,) * channels, std=(1.0,) * channels)
    info = replace(data.info, preprocessing=record)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed))
        model = build_model(name, inputs=info.shape, outputs=task.outputs(info), conditions=len(info.classes))
    return _coder(model, task.build(info), info)


def train(coder: Coder, data: Data, settings: Settings) -> Iterator[Evaluated]:
    """Train `coder` in place through the loop; what is found at the end of each epoch."""
    seen = replace(data, info=coder.info)
    for event in fit(coder.model, coder.task, seen, settings):
        if isinstance(event, Evaluated):
            yield event
        if isinstance(event, Diverged):
            raise InputError(f"the training diverged ({event.description}); lower the rate")
    coder.model.eval()


def trained(name: str, code: int, data: Data, effort: Effort) -> Coder:
    """The autoencoder called `name` with a code of `code` numbers, trained on `data` for the least squared
    error, as PCA has it.
    """
    coder = begun(name, AutoencodingSettings(code=code, loss="mse"), data, effort.seed)
    for _ in train(coder, data, replace(effort.settings(), evaluate_every=effort.epochs)):
        pass
    return coder


def _coder(model: object, task: object, info: DataInfo) -> Coder:
    if not isinstance(model, Autoencoder) or not isinstance(task, Autoencoding):
        raise InputError(f"a latent space is an autoencoder's; got a {type(model).__name__}")
    return Coder(model.eval().cpu(), task, info)


def _check(task: object) -> None:
    if not isinstance(task, AutoencodingSettings):
        kind = type(task).__name__.removesuffix("Settings").lower()
        raise InputError(f"a latent space is an autoencoder's; this one was trained for {kind}")

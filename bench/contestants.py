"""The same training in five ways: plain PyTorch, PyTorch tuned by hand, Pellucid, Lightning, Keras.

Each is a function of a `Job` and of `pause`, which it calls when all is built and then after every
`job.steps` steps of one uninterrupted training. All train the same network of torchvision's with the same
optimiser (SGD with momentum) on the same pictures, which lie in memory as uint8 and are permuted and
normalised by batches. The rivals get their batches from one and the same generator, and whatever they offer
beyond training (progress bars, loggers, checkpoints, summaries) is switched off.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from bench.measure import Pause
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, image_info
from pellucid.runs.folder import RunFolder
from pellucid.tasks.classification import ClassificationSettings
from pellucid.training.events import Diverged, Noted, Stepped
from pellucid.training.loop import fit
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.types.data_info import Preprocessing

MEAN, STD = 0.5, 0.25
LR, MOMENTUM = 0.01, 0.9
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Job:
    """`network` makes a module without arguments. `pictures` is a file with "images" (n, 3, s, s) uint8 and
    "labels" (n,) int64, as torch.save writes it. A turn is `steps` steps of `batch` pictures."""

    network: Callable[[], nn.Module]
    pictures: Path
    batch: int
    steps: int
    threads: int

    def load(self) -> Pair:
        """The pictures and their labels."""
        torch.set_num_threads(self.threads)
        torch.manual_seed(0)
        held = torch.load(self.pictures, weights_only=True)
        return held["images"], held["labels"]


def batches(images: Tensor, labels: Tensor, size: int) -> Iterator[Pair]:
    """Normalised float32 batches without end, every epoch in a new order."""
    while True:
        order = torch.randperm(len(images))
        for start in range(0, len(images) - size + 1, size):
            index = order[start : start + size]
            yield images[index].float().mul_(1 / (255 * STD)).sub_(MEAN / STD), labels[index]


def plain(job: Job, pause: Pause) -> None:
    """The loop of every tutorial, in fp32."""
    images, labels = job.load()
    model = job.network()
    optimiser = torch.optim.SGD(model.parameters(), LR, MOMENTUM)
    pause()
    for step, (inputs, targets) in enumerate(batches(images, labels, job.batch), 1):
        optimiser.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % job.steps == 0:
            pause()


def by_hand(job: Job, pause: Pause, *, bf16: bool) -> None:
    """What somebody who knows PyTorch would write: channels-last, a fused optimiser, and autocast or not."""
    images, labels = job.load()
    model = job.network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), LR, MOMENTUM, fused=True)
    pause()
    for step, (inputs, targets) in enumerate(batches(images, labels, job.batch), 1):
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % job.steps == 0:
            pause()


def pellucid(job: Job, pause: Pause, *, run: Path | None) -> None:
    """`fit` as it comes: automatic precision and memory format, guard, events with losses and gradient norm.
    The recorder, whose looks crowd in the first steps, has a bench of its own.

    With `run` it also keeps its log, recordings and checkpoints there.
    """
    images, labels = job.load()
    splits = {"train": InMemory(images, labels), "test": InMemory(images[:256], labels[:256])}
    info = image_info("bench", [str(label) for label in range(10)], splits)
    data = Data(replace(info, preprocessing=Preprocessing((MEAN,) * 3, (STD,) * 3)), splits)
    settings = Settings(
        epochs=1000,
        recorder=RecorderSettings(probes=0),
        batch_size=job.batch,
        optim=OptimSettings("momentum", LR, momentum=MOMENTUM),
        schedule=ScheduleSettings("constant"),
        hardware=HardwareSettings(device="cpu", threads=job.threads),
    )
    model, task = job.network(), ClassificationSettings().build(data.info)
    folder = None if run is None else RunFolder.create(run, {"bench": True})
    pause()
    for event in fit(model, task, data, settings, run=folder):
        match event:
            case Stepped() if event.step % job.steps == 0:
                pause()
            case Noted():
                print(f"Pellucid notes: {event.message}")
            case Diverged():
                raise ArithmeticError(event.description)


class _Batches(IterableDataset[Pair]):
    """`batches` in the form that Lightning and Keras take."""

    def __init__(self, images: Tensor, labels: Tensor, size: int) -> None:
        self._arguments = images, labels, size

    def __iter__(self) -> Iterator[Pair]:
        return batches(*self._arguments)


def lightning(job: Job, pause: Pause, *, bf16: bool) -> None:
    """Lightning's Trainer, with its own switch for bf16, and channels-last by hand."""
    import lightning as L

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # hints for its users

    class Classifier(L.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = job.network()

        def training_step(self, batch: Pair, index: int) -> Tensor:
            inputs, targets = batch
            if bf16:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            return F.cross_entropy(self.network(inputs), targets)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), LR, MOMENTUM)

        def on_train_batch_end(self, *_: Any) -> None:
            if self.trainer.global_step % job.steps == 0:
                pause()

    images, labels = job.load()
    model = Classifier()
    if bf16:
        model.to(memory_format=torch.channels_last)
    trainer = L.Trainer(
        accelerator="cpu",
        precision="bf16-mixed" if bf16 else "32-true",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    pause()
    trainer.fit(model, DataLoader(_Batches(images, labels, job.batch), batch_size=None))


def keras(job: Job, pause: Pause) -> None:
    """Keras 3 on torch, kindly treated: it trains the same torch module, not slower layers of its own."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as K

    warnings.simplefilter("ignore")  # hints for its users

    class Pausing(K.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if (batch + 1) % job.steps == 0:
                pause()

    images, labels = job.load()
    model = K.Sequential([K.layers.TorchModuleWrapper(job.network())])
    model.compile(K.optimizers.SGD(LR, MOMENTUM), K.losses.SparseCategoricalCrossentropy(from_logits=True))
    pause()
    loader = DataLoader(_Batches(images, labels, job.batch), batch_size=None)
    model.fit(loader, verbose=0, callbacks=[Pausing()])

"""Networks that answer for pixels, side by side: what each has learnt after the same time of a processor.

Every network begins anew and trains once through as many generated scenes as it has time for, with a learning
rate that rises and falls over just these; so a cheap network sees more pictures than a dear one. How many
that are is measured beforehand on a few steps. It is processor time, of all threads together, and of these
steps the quickest counts: other programs slow down many, but rarely all, so that a busy machine changes
little. What the training then took is told beside it.

What is compared is not what a network can learn in the end, nor what pretrained weights would bring: those
with most parameters are made for both, and for pictures that are larger than 64 pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.data.augment import Augmentation
from pellucid.data.loading import normalise
from pellucid.data.shapes import open_shapes
from pellucid.data.source import Data
from pellucid.data.subset import Subset
from pellucid.inspection.cost import parameter_count
from pellucid.inspection.modes import evaluation_mode
from pellucid.metrics.segmentation import frequency_baselines
from pellucid.models.naming import build_model
from pellucid.ops.random import seed_of
from pellucid.studies.study import Findings, Study
from pellucid.tasks.segmentation import SegmentationSettings
from pellucid.tasks.task import Task
from pellucid.training.events import Diverged, Evaluated, Stepped
from pellucid.training.loop import fit
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError
from pellucid.views.contents import Table
from pellucid.views.segmentation import compared

RATES = {"fcn8s-512": 3e-4, "deeplabv3plus-resnet18": 2e-3}
"""Learning rates of networks that the usual one does not suit: no norms, or wide layers."""

USUAL_RATE = 4e-3
NETWORKS = (
    "unet-bn-8",
    "unet-residual-8",
    "unet-dense-8",
    "unet-se-8",
    "mnet-8",
    "fcn8s-512",
    "deeplabv3plus-resnet18",
)
REHEARSED = 10  # steps that are timed beforehand
SHOWN = 4  # test pictures


@dataclass(frozen=True)
class Reached:
    """What a network has come to: `seconds` of processor time for `pictures`, numbers on the test split, and
    label maps (`SHOWN`, h, w) of its first pictures.
    """

    network: str
    parameters: int
    pictures: int
    seconds: float
    metrics: Mapping[str, float]
    said: NDArray[np.uint8]


@dataclass(frozen=True)
class SegmentersStudy(Study):
    networks: tuple[str, ...] = NETWORKS
    """Which networks, by names of `pellucid list models`."""
    seconds: float = 75.0
    """Processor time of each training."""
    pictures: int = 12000
    """Training pictures there are; a network that has time for more sees some again."""
    tested: int = 500
    """Pictures to test on."""
    size: int = 64
    """Their side in pixels, from 32 on."""
    batch_size: int = 16
    """Pictures of a step."""
    threads: int = 0
    """Processor threads; 0: all."""
    seed: int = 0
    """The one seed of all weights, pictures and their order."""

    def run(self) -> Findings:
        if not self.networks:
            raise InputError("--networks needs at least one name")
        if self.seconds <= 0 or self.batch_size < 1 or self.tested < SHOWN:
            raise InputError(
                f"expected seconds above 0, a batch-size from 1 and tested from {SHOWN} on; got "
                f"{self.seconds:g}, {self.batch_size} and {self.tested}"
            )
        data = open_shapes(self.size, self.pictures, self.tested, self.seed, masks=True)
        return _told(self, data, list(reached(self, data)))


def reached(study: SegmentersStudy, data: Data) -> Iterator[Reached]:
    """Train one network after the other."""
    task = SegmentationSettings(loss="cross-entropy+dice", auxiliary=1.0).build(data.info)
    for name in study.networks:
        steps = max(1, round(study.seconds / _quickest_step(study, name, task, data)))
        yield _trained(study, name, task, _first(data, steps * study.batch_size))


def _first(data: Data, count: int) -> Data:
    """`count` training pictures, from the first on and round again."""
    chosen = torch.arange(count) % len(data.splits["train"])
    splits = {**data.splits, "train": Subset(data.splits["train"], chosen)}
    info = replace(data.info, counts={split: len(source) for split, source in splits.items()})
    return Data(info, splits)


def _settings(study: SegmentersStudy, name: str) -> Settings:
    return Settings(
        epochs=1,
        batch_size=study.batch_size,
        clip_norm=1.0,
        seed=study.seed,
        optim=OptimSettings("adamw", lr=RATES.get(name, USUAL_RATE), weight_decay=0.02),
        schedule=ScheduleSettings("one-cycle"),
        augment=Augmentation(flip=True),
        hardware=HardwareSettings(threads=study.threads),
        recorder=RecorderSettings(probes=0),
    )


def _built(study: SegmentersStudy, name: str, data: Data) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(study.seed))
        return build_model(name, inputs=data.info.shape, outputs=len(data.info.classes))


def _quickest_step(study: SegmentersStudy, name: str, task: Task, data: Data) -> float:
    """Processor time of the quickest step of a rehearsal; the first, which prepares much, is not timed."""
    rehearsal = _first(data, (REHEARSED + 1) * study.batch_size)
    times = []
    for event in fit(_built(study, name, data), task, rehearsal, _settings(study, name)):
        if isinstance(event, Stepped):
            times.append(time.process_time())
            if len(times) > REHEARSED:
                break
    return min(later - earlier for earlier, later in pairwise(times))


def _trained(study: SegmentersStudy, name: str, task: Task, data: Data) -> Reached:
    model, begun, seconds = _built(study, name, data), time.process_time(), 0.0
    metrics: Mapping[str, float] = {}
    for event in fit(model, task, data, _settings(study, name)):
        match event:
            case Stepped():
                seconds = time.process_time() - begun
            case Evaluated(metrics=found):
                metrics = found
            case Diverged():
                raise InputError(f"{name} diverged after {event.step} steps; leave it out of --networks")
    return Reached(
        name,
        parameter_count(model),
        len(data.splits["train"]),
        seconds,
        metrics,
        _said(model, task, data),
    )


def _said(model: nn.Module, task: Task, data: Data) -> NDArray[np.uint8]:
    """Label maps of the first test pictures."""
    device = next(model.parameters()).device
    batch = normalise(data.splits["test"].fetch(torch.arange(SHOWN)).to(device), data.info.preprocessing)
    with evaluation_mode(model), torch.inference_mode():
        labels: NDArray[np.uint8] = task.forward(model, batch).argmax(1).to(torch.uint8).cpu().numpy()
    return labels


COLUMNS = ("mIoU", "mDice", "pixel-accuracy", "boundary-F")


def _told(study: SegmentersStudy, data: Data, found: Sequence[Reached]) -> Findings:
    shown = data.splits["test"].fetch(torch.arange(SHOWN))
    support = torch.bincount(_labels(data), minlength=len(data.info.classes))
    constant, drawn = frequency_baselines(support)
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (
            each.network,
            f"{each.parameters:,}",
            f"{each.pictures:,}",
            round(each.seconds),
            *(round(each.metrics[name], 3) for name in COLUMNS),
        )
        for each in found
    )
    caption = (
        f"On {study.tested} test pictures. Knowing only how often the classes occur, mIoU would be "
        f"{constant:.3f} with the most frequent one everywhere and {drawn:.3f} with one drawn for every "
        "pixel."
    )
    return Findings(
        "Networks that answer for pixels",
        f"Each trained from nothing for {study.seconds:g} s of undisturbed processor time on generated "
        f"scenes of {study.size} × {study.size} pixels, with seed {study.seed}.",
        Table(("network", "parameters", "pictures seen", "seconds taken", *COLUMNS), rows, caption),
        compared(
            list(shown.inputs.numpy()),
            {"truth": list(shown.targets.numpy()), **{each.network: list(each.said) for each in found}},
            data.info.classes,
        ),
        {**asdict(study), "baselines": [constant, drawn], "reached": [_numbers(each) for each in found]},
        heading="In pictures",
    )


def _labels(data: Data) -> torch.Tensor:
    """The judged pixels of the test split, (n,)."""
    test = data.splits["test"]
    labels: torch.Tensor = test.fetch(torch.arange(len(test))).targets.as_subclass(torch.Tensor)
    return labels[labels != VOID].long()


def _numbers(reached: Reached) -> dict[str, Any]:
    return {name: value for name, value in asdict(reached).items() if name != "said"}


STUDIES: dict[str, type[Study]] = {"segmenters": SegmentersStudy}

"""A deep autoencoder of logistic units trained layer by layer first, beside training end to end at once.

Hinton & Salakhutdinov, Science 2006, could train deep autoencoders only after pretraining; Bengio et al.,
"Greedy layer-wise training of deep networks", NIPS 2006, pretrain with shallow autoencoders, as here. First
the outermost layers learn to give the picture back, then the next pair between them, with those outside held
still, and so on; in the end all are trained together. Both ways begin with the same weights and take the same
number of epochs in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated

import numpy as np
import tyro

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models.autoencoder import StackedAutoencoder
from pellucid.recipes.coder import Coder, Effort, begun, train
from pellucid.studies.study import Findings, Study
from pellucid.tasks.autoencoding import AutoencodingSettings
from pellucid.training.settings import RecorderSettings
from pellucid.types.errors import InputError
from pellucid.views.contents import Table
from pellucid.views.curves import Curve, over_training

END_TO_END, LAYERWISE = "end to end", "layer by layer first"


@dataclass(frozen=True)
class Epoch:
    """After `epoch` epochs in all, the test pictures' PSNR in dB through `depth` layers to a side."""

    epoch: int
    depth: int
    psnr: float


@dataclass(frozen=True)
class PretrainingStudy(Study):
    code: int = 16
    """Length of the code."""
    epochs: int = 20
    """Of either training in all."""
    pretraining: float = 0.5
    """Share of the epochs that layers are trained one after the other, in (0, 1)."""
    batch: int = 64
    """Samples in a batch."""
    rate: float = 2e-3
    """The learning rate's greatest value, in each part anew."""
    seed: int = 0
    """Of the weights and of the order of the samples."""
    threads: int = 0
    """Processor threads; 0: all."""
    data: Annotated[DataSettings, tyro.conf.arg(name="data")] = field(
        default_factory=lambda: DataSettings(name="digits")
    )

    def run(self) -> Findings:
        if not 0 < self.pretraining < 1:
            raise InputError(f"--pretraining is a share between 0 and 1; got {self.pretraining:g}")
        effort, data = (
            Effort(self.epochs, self.batch, self.rate, self.seed, self.threads),
            open_data(self.data),
        )
        found = {
            END_TO_END: list(_end_to_end(self, effort, data)),
            LAYERWISE: list(_layer_by_layer(self, effort, data)),
        }
        return _told(self, data, found)


def _begun(study: PretrainingStudy, data: Data) -> tuple[Coder, StackedAutoencoder]:
    task = AutoencodingSettings(code=study.code, loss="bce")
    coder = begun("autoencoder-stacked", task, data, study.seed)
    if not isinstance(coder.model, StackedAutoencoder):
        raise TypeError(f"expected a StackedAutoencoder, got {type(coder.model).__name__}")
    return coder, coder.model


def _end_to_end(study: PretrainingStudy, effort: Effort, data: Data) -> Iterator[Epoch]:
    coder, model = _begun(study, data)
    yield from _trained(coder, data, effort, 0, effort.epochs, model.depth)


def _layer_by_layer(study: PretrainingStudy, effort: Effort, data: Data) -> Iterator[Epoch]:
    coder, model = _begun(study, data)
    each = max(1, round(study.pretraining * effort.epochs / model.depth))
    left = effort.epochs - each * model.depth
    if left < 1:
        raise InputError(
            f"{effort.epochs} epochs leave none for training {model.depth} layers together; give more "
            "--epochs"
        )
    for depth in range(1, model.depth + 1):
        part = model.part(depth)
        still = list(model.part(depth - 1).parameters()) if depth > 1 else []
        for parameter in still:
            parameter.requires_grad_(False)
        yield from _trained(replace(coder, model=part), data, effort, each * (depth - 1), each, depth)
        for parameter in still:
            parameter.requires_grad_(True)
    yield from _trained(coder, data, effort, each * model.depth, left, model.depth)


def _trained(coder: Coder, data: Data, effort: Effort, done: int, epochs: int, depth: int) -> Iterator[Epoch]:
    settings = replace(effort, epochs=epochs).settings()
    quiet = replace(settings, recorder=RecorderSettings(probes=0))
    for event in train(coder, data, quiet):
        yield Epoch(done + round(event.epoch), depth, event.metrics["PSNR"])


def _told(study: PretrainingStudy, data: Data, found: dict[str, list[Epoch]]) -> Findings:
    curves = [
        Curve(np.array([each.epoch for each in course]), np.array([each.psnr for each in course]), run=name)
        for name, course in found.items()
    ]
    rows = tuple(
        (name, str(each.depth), str(each.epoch), f"{each.psnr:.2f}")
        for name, course in found.items()
        for each in _ends(course)
    )
    return Findings(
        "Layer by layer, or all at once",
        f"autoencoder-stacked on {data.info.name}, a code of {study.code} numbers, {study.epochs} epochs "
        f"either way from the same weights (seed {study.seed}).",
        Table(
            ("training", "layers to a side", "epochs so far", "PSNR, dB"),
            rows,
            "Where a part of the training ends: what the test pictures are worth through so many layers.",
        ),
        over_training("PSNR of the test pictures, dB", curves, best="max"),
        {
            "study": {**asdict(study), "data": data.info.name},
            "found": {name: [asdict(each) for each in course] for name, course in found.items()},
        },
        heading="Along training",
    )


def _ends(course: Sequence[Epoch]) -> list[Epoch]:
    """The last epoch of each part: before depth changes, or the whole network's training begins."""
    depths = [each.depth for each in course]
    deepest = max(depths)
    last = [max(place for place, depth in enumerate(depths) if depth == each) for each in sorted(set(depths))]
    return [course[place] for place in last] if deepest > 1 else [course[-1]]


STUDIES: dict[str, type[Study]] = {"pretraining": PretrainingStudy}

"""Painting any picture in one style, in one pass: a network learns what optimising would do each time anew.

Johnson, Alahi & Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.
The network takes pictures as the data are normalised and gives pictures in [0, 1]. A second one, a trained
classifier that stays as it is, judges what it gave: by content and style, as `synthesis.style_loss` defines
them. Nobody says what is right; whatever classes the data have play no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.decode import decode
from pellucid.metrics.metric import Metric
from pellucid.metrics.perceptual import PerceptualLosses
from pellucid.models.naming import build_model
from pellucid.models.published import key_maps, open_weights
from pellucid.models.weights import load_state
from pellucid.ops.normalisation import shown
from pellucid.synthesis.onlooker import Onlooker
from pellucid.synthesis.style import resized
from pellucid.synthesis.style_layers import chosen_layers, keys_of
from pellucid.synthesis.style_loss import Wanted, content_loss, gram, style_loss, total_variation
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Painted as Record
from pellucid.views.page import Section
from pellucid.views.style import repainted

_TOLD = 4  # pictures of a report
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class StylisationSettings(TaskSettings):
    """In whose style, and who judges."""

    any_size: ClassVar[bool] = True

    style: Path | None = None
    """The picture in whose style."""
    side: int = 256
    """The longer side in pixels at which the style is looked at."""
    judge: str = "torchvision/vgg16"
    """The network that judges, as a model's name."""
    weights: str = ""
    """Its weights: a file, or published ones by name; by default those published for it."""
    mean: tuple[float, ...] = ()
    """What it subtracts from each channel, where its weights do not say; by default as they do."""
    std: tuple[float, ...] = ()
    """What it divides each channel by."""
    scale: float = 1 / 255
    """What pixels are multiplied by before that, where its weights do not say."""
    channels: Literal["RGB", "BGR"] = "RGB"
    """The order of its channels, where its weights do not say."""
    content: float = 1.0
    """Weight of the content's error."""
    style_weight: float = 4.0
    """Weight of the style's."""
    variation: float = 10.0
    """Weight of the total variation."""
    content_layers: tuple[str, ...] = ()
    """Layers of the judge that tell content; by default chosen."""
    style_layers: tuple[str, ...] = ()
    """Layers of the judge that tell style; by default chosen."""

    def __post_init__(self) -> None:
        weights = self.content, self.style_weight, self.variation
        if not all(0 <= weight < float("inf") for weight in weights) or self.side < 1:
            raise InputError(
                "content, style_weight and variation are weights from 0 on and side is at least 1; "
                f"got {', '.join(f'{each:g}' for each in (*weights, self.side))}"
            )
        if len(self.mean) != len(self.std):
            raise InputError(f"task.mean has {len(self.mean)} numbers and task.std {len(self.std)}")

    def outputs(self, info: DataInfo) -> int:
        if len(info.shape) != 3 or info.shape[0] != 3:
            raise InputError(
                f"style is painted on pictures in RGB; {info.name} has inputs of shape {info.shape}: "
                "--data.channels RGB reads pictures so"
            )
        return 3

    def build(self, info: DataInfo) -> Stylisation:
        self.outputs(info)
        if self.style is None:
            raise InputError("in whose style? Give the picture: --task.style FILE")
        judge = self._judge()
        picture = decode(self.style)[None] / 255
        factor = self.side / max(picture.shape[-2:])
        height, width = (max(1, round(side * factor)) for side in picture.shape[-2:])
        content, style = chosen_layers(judge.model, judge.preprocessing)
        style = keys_of(judge.model, self.style_layers) or style
        with torch.no_grad():
            wanted = {
                key: gram(maps) for key, maps in judge(resized(picture, (height, width)), style).items()
            }
        layers = keys_of(judge.model, self.content_layers) or content
        return Stylisation(self, judge, wanted, {key: torch.empty(0) for key in layers}, info.preprocessing)

    def _judge(self) -> Onlooker:
        weights = open_weights(self.weights or self.judge)
        seen = weights.preprocessing
        if seen is None and not self.mean:
            raise InputError(
                f"{weights.where} does not say how its network wants pictures; say it: --task.mean, "
                "--task.std"
            )
        if self.mean or seen is None:
            seen = Preprocessing(self.mean, self.std, self.scale, self.channels, size=(224, 224))
        outputs = len(weights.classes) or 1000
        side = (seen.size or (224, 224))[0]
        with torch.random.fork_rng(devices=[]):
            model = build_model(self.judge, inputs=(len(seen.mean), side, side), outputs=outputs)
        load_state(model, weights.state, weights.where, maps=key_maps(self.judge))
        return Onlooker(model.eval(), seen)


@dataclass(frozen=True)
class Painted:
    """Pictures (b, 3, h, w) in [0, 1], and of each the losses (b,) by name, unweighted."""

    pictures: Tensor
    losses: Mapping[str, Tensor]


@dataclass(frozen=True)
class Stylisation:
    """`style` has the Gram matrices that are wanted, `content` the layers whose answers are to stay;
    `preprocessing` is how the data's pictures come.
    """

    settings: StylisationSettings
    judge: Onlooker = field(repr=False)
    style: Wanted = field(repr=False)
    content: Wanted = field(repr=False)
    preprocessing: Preprocessing

    @property
    def primary(self) -> tuple[str, bool]:
        return ("loss", False)

    @property
    def weights(self) -> dict[str, float]:
        settings = self.settings
        return {
            "content": settings.content,
            "style": settings.style_weight,
            "variation": settings.variation,
        }

    def objectives(self) -> Sequence[Objective]:
        return (Objective("painter", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        losses = self.forward(model, batch).losses
        return {name: weight * losses[name].mean() for name, weight in self.weights.items()}

    def forward(self, model: nn.Module, batch: Batch) -> Painted:
        painted = model(batch.inputs)
        if not isinstance(painted, Tensor) or painted.shape != batch.inputs.shape:
            came = tuple(painted.shape) if isinstance(painted, Tensor) else type(painted).__name__
            raise InputError(
                f"a network that paints gives pictures of its inputs' shape, {tuple(batch.inputs.shape)}; "
                f"got {came}: take style-transformer"
            )
        painted, device = painted.float(), batch.inputs.device
        if self.judge.device != device:
            self.judge.to(device)
        with torch.no_grad():
            before = self.judge(shown(batch.inputs, self.preprocessing), self.content.keys())
        seen = self.judge(painted, (*self.content, *self.style))
        wanted = {key: maps.float() for key, maps in before.items()}
        losses = {
            "content": content_loss(seen, wanted),
            "style": style_loss(seen, {key: matrix.to(device) for key, matrix in self.style.items()}),
            "variation": total_variation(painted),
        }
        return Painted(painted, losses)

    def decode(self, output: Painted, batch: Batch) -> list[Record]:
        pixels = _pixels(output.pictures).permute(0, 2, 3, 1).cpu().numpy()
        rows = self.probe(output, batch).tolist()
        return [
            Record(index, dict(zip(output.losses, row, strict=True)), picture)
            for index, row, picture in zip(batch.indices.tolist(), rows, pixels, strict=True)
        ]

    def probe(self, output: Painted, batch: Batch) -> Tensor:
        """Each picture's losses, unweighted."""
        return torch.stack([*output.losses.values()], dim=1).float()

    def exhibits(self, output: Painted, batch: Batch) -> dict[str, Tensor]:
        """The painted pictures, a colour at a time."""
        return dict(zip(_COLOURS, _pixels(output.pictures).unbind(1), strict=True))

    def metrics(self) -> Sequence[Metric]:
        return (PerceptualLosses(self.weights),)

    def telling(self, evaluation: Evaluation) -> list[int]:
        count = len(evaluation.indices)
        places = np.linspace(0, count - 1, min(_TOLD, count)).astype(int)
        return [int(index) for index in evaluation.indices[places]]

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        pairs = [
            (pictures[index], np.stack([evaluation.exhibits[index][name] for name in _COLOURS]))
            for index in self.telling(evaluation)
            if index in pictures and index in evaluation.exhibits
        ]
        lead = "Pictures that were not trained on, and under each what the network makes of it in one pass."
        return [Section("Painted", (repainted(pairs),), lead)] if pairs else []


def _pixels(pictures: Tensor) -> Tensor:
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)


TASKS: dict[str, type[TaskSettings]] = {"stylisation": StylisationSettings}

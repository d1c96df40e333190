"""Segmentation: a class for every pixel.

The network gives logits (b, classes, h, w) of exactly its input's size. In training it may answer with a
tuple whose first part is the main output; the others, of any size, are enlarged to it (bilinear), and their
losses count 0.4 each, as in PSPNet (Zhao et al. 2017) and DeepLab, unless the settings say otherwise. It may
give more outputs than the data have classes, as published networks do for unlabelled pixels: those are never
said and never trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.metrics.boundary import BoundaryF
from pellucid.metrics.loss import MeanLoss
from pellucid.metrics.metric import Metric
from pellucid.metrics.segmentation import Segmentation as Regions
from pellucid.metrics.segmentation import picture_confusions
from pellucid.ops import distances, tiles
from pellucid.ops import segmentation_losses as losses
from pellucid.tasks.segmentation_views import segmentation_sections, telling
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Segmented
from pellucid.views.page import Section

Loss = Literal[
    "cross-entropy",
    "focal",
    "dice",
    "generalised-dice",
    "tversky",
    "jaccard",
    "lovasz",
    "cross-entropy+dice",
    "cross-entropy+lovasz",
    "cross-entropy+boundary",
    "focal+dice",
]
Weighting = Literal["none", "median", "log"]


@dataclass(frozen=True)
class SegmentationSettings(TaskSettings):
    """What to minimise, and how large pictures are worked on."""

    asks_for_maps: ClassVar[bool] = True

    loss: Loss = "cross-entropy"
    """What training minimises; two joined by + are added. Overlaps are compared picture by picture."""
    class_weights: Weighting | tuple[float, ...] = "none"
    """Weight of each class in cross-entropy and focal: median frequency over its own (SegNet), log:
    1/ln(1.02 + frequency) (ENet), or one number per class.
    """
    focal_gamma: float = 2.0
    """How strongly the focal loss looks away from pixels that are already right; 0 is cross-entropy."""
    tversky_alpha: float = 0.3
    """tversky: what a false positive costs, from 0 to 1; a miss costs the rest. 0.5 is Dice."""
    boundary: float = 0.01
    """boundary: its weight beside the cross-entropy."""
    border: float = 0.0
    """Extra weight in cross-entropy of pixels of the first class between two close regions of the others
    (Ronneberger et al. 2015, eq. 2, where it is 10); 0: none.
    """
    border_sigma: float = 5.0
    """How close these are, in pixels: the standard deviation of that weight."""
    auxiliary: float = 0.4
    """Weight of the loss of each output but the first, where the network has several in training."""
    spare: int = 0
    """Outputs of the network beyond the classes of the data, such as a published one's for unlabelled pixels;
    they are never said.
    """
    tile: int = 0
    """Side of overlapping tiles in which larger pictures are predicted, to spare memory; 0: whole."""
    overlap: int = 32
    """Pixels at each tile's edge that are predicted only to be thrown away."""

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise InputError(f"loss must be one of {', '.join(get_args(Loss))}, got {self.loss!r}")
        for name in ("focal_gamma", "boundary", "border", "auxiliary", "spare", "tile"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InputError(f"{name} must be 0 or a positive number, got {value}")
        if not 0 <= self.tversky_alpha <= 1:
            raise InputError(f"tversky_alpha must be from 0 to 1, got {self.tversky_alpha}")
        if not 0 < self.border_sigma < math.inf:
            raise InputError(f"border_sigma must be a positive number, got {self.border_sigma}")
        if self.tile:
            tiles.spans(self.tile, self.tile, self.overlap)
        if isinstance(self.class_weights, str):
            if self.class_weights not in get_args(Weighting):
                raise InputError(
                    "class_weights must be none, median, log or one number per class, "
                    f"got {self.class_weights!r}"
                )
        elif not (all(0 <= weight < math.inf for weight in self.class_weights) and any(self.class_weights)):
            raise InputError(f"class_weights must be ≥ 0 and not all 0, got {self.class_weights}")

    def outputs(self, info: DataInfo) -> int:
        if not info.label_maps:
            raise InputError(
                f"{info.name} has no label maps, which segmentation learns from; give pictures with masks, "
                "or use a recipe for classification"
            )
        if len(info.classes) < 2:
            raise InputError(f"{info.name} has one class only, {info.classes[0]!r}; two or more are needed")
        return len(info.classes) + self.spare

    def build(self, info: DataInfo) -> Segmentation:
        self.outputs(info)
        return Segmentation(self, info.classes, self._weights(info))

    def _weights(self, info: DataInfo) -> tuple[float, ...] | None:
        if not isinstance(self.class_weights, str):
            if len(self.class_weights) != len(info.classes):
                raise InputError(
                    f"class_weights needs {len(info.classes)} numbers, one for each class of {info.name}, "
                    f"got {len(self.class_weights)}"
                )
            return self.class_weights
        return None if self.class_weights == "none" else frequency_weights(info, self.class_weights)


def frequency_weights(info: DataInfo, way: Weighting) -> tuple[float, ...]:
    """By each class's share p of the training pixels: the median of all p over p (Eigen & Fergus, ICCV 2015;
    here over all pictures), or 1 / ln(1.02 + p) (Paszke et al. 2016).
    """
    total = max(1, sum(info.class_counts))
    shares = torch.tensor(info.class_counts, dtype=torch.float64) / total
    if way == "log":
        return tuple((1 / torch.log(1.02 + shares)).tolist())
    for name, count in zip(info.classes, info.class_counts, strict=True):
        if not count:
            raise InputError(
                f"class_weights median is not defined for {info.name}: {name!r} has no training pixel; "
                "use log, or give the weights as numbers"
            )
    return tuple((shares.median() / shares).tolist())


@dataclass(frozen=True)
class Segmentation:
    """`weights` has one number per class. Targets are label maps (b, h, w) of class numbers or `VOID`."""

    settings: SegmentationSettings
    classes: tuple[str, ...]
    weights: tuple[float, ...] | None = None

    @property
    def primary(self) -> tuple[str, bool]:
        return ("mIoU", True)

    def objectives(self) -> Sequence[Objective]:
        return (Objective("segmenter", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        main, *others = self._maps(model(batch.inputs))
        named = {"loss": self.criterion(main, batch.targets)}
        if others and self.settings.auxiliary:
            size = batch.targets.shape[-2:]
            enlarged = (F.interpolate(o.float(), size, mode="bilinear") for o in others)
            total = torch.stack([self.criterion(logits, batch.targets) for logits in enlarged]).sum()
            named["auxiliary"] = self.settings.auxiliary * total
        return named

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of one output, in float32 whatever the network's precision."""
        losses.check_maps(logits, targets)
        logits, targets = logits.float(), targets.as_subclass(Tensor)
        terms = [self._term(name, logits, targets) for name in self.settings.loss.split("+")]
        return torch.stack(terms).sum()

    def _term(self, name: str, logits: Tensor, targets: Tensor) -> Tensor:
        settings = self.settings
        weights = None if self.weights is None else logits.new_tensor(self.weights)
        match name:
            case "cross-entropy":
                pixels = self._border_weights(targets) if settings.border else None
                return losses.cross_entropy(logits, targets, weights=weights, pixel_weights=pixels)
            case "focal":
                return losses.focal(logits, targets, gamma=settings.focal_gamma, weights=weights)
            case "tversky":
                return losses.tversky(logits, targets, alpha=settings.tversky_alpha)
            case "boundary":
                maps = targets.cpu().numpy()
                fields = [distances.signed_distances(labels, len(self.classes)) for labels in maps]
                away = torch.stack([torch.from_numpy(field) for field in fields]).to(logits.device)
                return settings.boundary * losses.boundary(logits, away, targets)
        return _OVERLAPS[name](logits, targets)

    def _border_weights(self, targets: Tensor) -> Tensor:
        weight, sigma = self.settings.border, self.settings.border_sigma
        weights = [
            distances.border_weights(labels, weight=weight, sigma=sigma) for labels in targets.cpu().numpy()
        ]
        return torch.stack([torch.from_numpy(each) for each in weights]).to(targets.device)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits (b, classes, h, w) float32, of the picture's size."""

        def network(inputs: Tensor) -> Tensor:
            output = self._maps(model(inputs))[0].float()
            if output.shape[2:] != inputs.shape[2:]:
                raise InputError(
                    f"the network gives maps of {tuple(output.shape[2:])} for pictures of "
                    f"{tuple(inputs.shape[2:])}; segmentation needs one answer for each pixel"
                )
            return output

        tile = self.settings.tile
        if not tile or max(batch.inputs.shape[2:]) <= tile:
            return network(batch.inputs)
        return tiles.tiled(network, batch.inputs, tile=tile, overlap=self.settings.overlap)

    def _maps(self, output: Any) -> list[Tensor]:
        """The main output and the auxiliary ones, without outputs that are for no class of the data."""
        if isinstance(output, Mapping):  # torchvision's, with the names "out" and "aux"
            output = tuple(output.values())
        parts = output if isinstance(output, tuple) else (output,)
        maps = [part for part in parts if part is not None]
        for part in maps:
            if not isinstance(part, Tensor) or part.ndim != 4 or part.shape[1] < len(self.classes):
                came = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise InputError(
                    f"a segmentation network must give logits (samples, {len(self.classes)}, height, width), "
                    f"or a tuple or dict that starts with them; got {came}"
                )
        return [part[:, : len(self.classes)] for part in maps]

    def decode(self, output: Tensor, batch: Batch) -> list[Segmented]:
        labels = output.argmax(dim=1).to(torch.uint8).cpu()
        records = []
        for index, label_map in zip(batch.indices.tolist(), labels, strict=True):
            counts = torch.bincount(label_map.flatten().long(), minlength=len(self.classes))
            shares = (counts.double() / label_map.numel()).tolist()
            records.append(Segmented(index, self.classes, tuple(shares), label_map.numpy()))
        return records

    def probe(self, output: Tensor, batch: Batch) -> Tensor:
        """Each picture's confusion matrix of pixels, row by row: (b, classes²)."""
        counts = picture_confusions(output.argmax(dim=1), batch.targets, len(self.classes))
        return counts.flatten(1).float()

    def exhibits(self, output: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """The label maps, said and true, and how much is open: 0 for a sure pixel, 255 for all alike."""
        probabilities = output.softmax(dim=1)
        entropy = torch.special.entr(probabilities).sum(dim=1) / math.log(len(self.classes))
        return {
            "said": output.argmax(dim=1).to(torch.uint8),
            "true": batch.targets.to(torch.uint8),
            "doubt": (255 * entropy).round().clamp(0, 255).to(torch.uint8),
        }

    def metrics(self) -> Sequence[Metric]:
        return (Regions(self.classes), BoundaryF(self.classes), MeanLoss(self.criterion))

    def telling(self, evaluation: Evaluation) -> list[int]:
        return telling(evaluation)

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        return segmentation_sections(evaluation, pictures, probes, recordings, self.classes)


_OVERLAPS = {
    "dice": losses.dice,
    "generalised-dice": losses.generalised_dice,
    "jaccard": losses.jaccard,
    "lovasz": losses.lovasz_softmax,
}

TASKS: dict[str, type[TaskSettings]] = {"segmentation": SegmentationSettings}

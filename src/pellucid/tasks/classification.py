"""Classification: one class for each picture, or any number of labels where the data say so.

The network gives one logit per class. A network with auxiliary heads (GoogLeNet, Inception) may answer in
training with a tuple whose first part is the main output: the others' losses count 0.3 (Szegedy et al.,
"Going deeper with convolutions", 2015, §5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from pellucid.metrics.accuracy import TopKAccuracy
from pellucid.metrics.calibration import CalibrationError
from pellucid.metrics.confusion import ConfusionMatrix
from pellucid.metrics.curves import OneVsRestCurves
from pellucid.metrics.loss import MeanLoss
from pellucid.metrics.metric import Metric
from pellucid.metrics.multilabel import MultilabelScores
from pellucid.ops import losses
from pellucid.tasks.classification_views import (
    classifier_sections,
    mistakes,
    multilabel_sections,
    probe_section,
)
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Classified
from pellucid.views.page import Section

Loss = Literal["cross-entropy", "binary-cross-entropy", "focal", "mse"]
_AUXILIARY_WEIGHT = 0.3
_SHOWN_CLASSES = 5


@dataclass(frozen=True)
class ClassificationSettings(TaskSettings):
    """What to minimise. Multi-label data take binary cross-entropy or focal, with a sigmoid per label."""

    loss: Loss = "cross-entropy"
    """What training minimises; mse is between probabilities and the one-hot truth."""
    label_smoothing: float = 0.0
    """How much of the target is spread evenly over all classes, from 0 to below 1."""
    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    """Weight of each class in the loss: balanced gives rare classes more, or one number per class."""
    focal_gamma: float = 2.0
    """How strongly the focal loss looks away from samples that are already right; 0 is cross-entropy."""

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise InputError(f"loss must be one of {', '.join(get_args(Loss))}, got {self.loss!r}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"label_smoothing must be from 0 to below 1, got {self.label_smoothing}")
        if not 0 <= self.focal_gamma < math.inf:
            raise InputError(f"focal_gamma must be 0 or a positive number, got {self.focal_gamma}")
        if isinstance(self.class_weights, str):
            if self.class_weights not in ("none", "balanced"):
                raise InputError(
                    "class_weights must be none, balanced or one number per class, "
                    f"got {self.class_weights!r}"
                )
        elif not (all(0 <= weight < math.inf for weight in self.class_weights) and any(self.class_weights)):
            raise InputError(f"class_weights must be ≥ 0 and not all 0, got {self.class_weights}")

    def outputs(self, info: DataInfo) -> int:
        if info.label_maps:
            raise InputError(
                f"{info.name} has a class for every pixel; train it with a recipe for segmentation, such as "
                "`pictures-unet`"
            )
        if not info.classes:
            raise InputError(f"{info.name} has no classes, only values; train it with the recipe table-mlp")
        if len(info.classes) == 1 and not info.multilabel:
            raise InputError(
                f"{info.name} has one class only, {info.classes[0]!r}; classification needs two or more"
            )
        return len(info.classes)

    def build(self, info: DataInfo) -> Classification:
        self.outputs(info)
        if info.multilabel and self.loss not in ("binary-cross-entropy", "focal"):
            raise InputError(
                f"{info.name} has several labels a picture, {self.loss} needs exactly one; "
                "use --task.loss binary-cross-entropy or focal"
            )
        weights, positive_weights = self._weights(info)
        return Classification(self, info.classes, info.multilabel, weights, positive_weights)

    def _weights(self, info: DataInfo) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
        if not isinstance(self.class_weights, str):
            if len(self.class_weights) != len(info.classes):
                raise InputError(
                    f"class_weights needs {len(info.classes)} numbers, one for each class of {info.name}, "
                    f"got {len(self.class_weights)}"
                )
            return self.class_weights, None
        if self.class_weights == "none":
            return None, None
        if info.multilabel:
            return balanced_label_weights(info)
        return balanced_weights(info), None


def balanced_weights(info: DataInfo) -> tuple[float, ...]:
    """samples / (classes · samples of the class), scikit-learn's "balanced"; the mean over samples is 1."""
    _refuse_extreme(info, info.class_counts, 0, "no training sample")
    samples = sum(info.class_counts)
    return tuple(samples / (len(info.classes) * count) for count in info.class_counts)


def balanced_label_weights(info: DataInfo) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Each label balanced on its own: its weight where it is absent, and that times what where present."""
    samples = info.counts["train"]
    _refuse_extreme(info, info.class_counts, 0, "no training sample")
    _refuse_extreme(info, info.class_counts, samples, "every training sample")
    absent = tuple(samples / (2 * (samples - count)) for count in info.class_counts)
    return absent, tuple((samples - count) / count for count in info.class_counts)


def _refuse_extreme(info: DataInfo, counts: Sequence[int], extreme: int, words: str) -> None:
    for name, count in zip(info.classes, counts, strict=True):
        if count == extreme:
            raise InputError(
                f"class_weights balanced is not defined for {info.name}: {name!r} has {words}; "
                "remove the class or give the weights as numbers"
            )


@dataclass(frozen=True)
class Classification:
    """`weights` has one number per class; where a label is present, `positive_weights` multiplies it."""

    settings: ClassificationSettings
    classes: tuple[str, ...]
    multilabel: bool
    weights: tuple[float, ...] | None = None
    positive_weights: tuple[float, ...] | None = None

    @property
    def primary(self) -> tuple[str, bool]:
        return ("mAP" if self.multilabel else "top-1", True)

    @property
    def link(self) -> Callable[[Tensor], Tensor]:
        """What turns logits into the probabilities that the loss fits."""
        if self.multilabel:
            return losses.sigmoid
        return losses.normalised_sigmoid if self.settings.loss == "binary-cross-entropy" else losses.softmax

    def objectives(self) -> Sequence[Objective]:
        return (Objective("classifier", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        main, auxiliary = _heads(model(batch.inputs))
        named = {"loss": self.criterion(main, batch.targets)}
        if auxiliary:
            others = [self.criterion(logits, batch.targets) for logits in auxiliary]
            named["auxiliary"] = _AUXILIARY_WEIGHT * torch.stack(others).sum()
        return named

    def criterion(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of one head, in float32 whatever the network's precision; targets as in `ops.losses`."""
        if logits.ndim != 2 or logits.shape[1] != len(self.classes):
            raise InputError(
                f"the network gives outputs of shape {tuple(logits.shape)}; "
                f"expected (samples, {len(self.classes)}), a number for each class"
            )
        logits = logits.float()
        weights, positive_weights = self._row(self.weights, logits), self._row(self.positive_weights, logits)
        settings, smoothing = self.settings, self.settings.label_smoothing
        if settings.loss == "cross-entropy":
            return losses.cross_entropy(logits, targets, weights=weights, label_smoothing=smoothing)
        rows = losses.soft_targets(targets, logits)
        rows = losses.smoothed(rows, smoothing, 2 if self.multilabel else len(self.classes))
        if settings.loss == "mse":
            return losses.probability_squared_error(self.link(logits), rows, weights=weights)
        if settings.loss == "focal" and not self.multilabel:
            return losses.focal_cross_entropy(logits, rows, gamma=settings.focal_gamma, weights=weights)
        if weights is not None and not self.multilabel:
            weights = (rows @ weights)[:, None]  # a sample counts by its class, as in the losses above
        if settings.loss == "focal":
            return losses.focal_binary_cross_entropy(
                logits, rows, gamma=settings.focal_gamma, weights=weights, positive_weights=positive_weights
            )
        return losses.binary_cross_entropy(logits, rows, weights=weights, positive_weights=positive_weights)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        return _heads(model(batch.inputs))[0]

    def decode(self, output: Tensor, batch: Batch) -> list[Classified]:
        """The five most probable classes; for multi-label data every label, for any number may be present."""
        shown = len(self.classes) if self.multilabel else min(_SHOWN_CLASSES, len(self.classes))
        probabilities, order = self.link(output.float()).sort(dim=1, descending=True, stable=True)
        columns = (batch.indices.tolist(), order[:, :shown].tolist(), probabilities[:, :shown].tolist())
        return [
            Classified(index, tuple(self.classes[place] for place in places), tuple(values))
            for index, places, values in zip(*columns, strict=True)
        ]

    def probe(self, output: Tensor, batch: Batch) -> Tensor:
        return self.link(output.float())

    def exhibits(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {}

    def metrics(self) -> Sequence[Metric]:
        loss, curves = MeanLoss(self.criterion), OneVsRestCurves(self.link)
        if self.multilabel:
            return (curves, MultilabelScores(self.classes), loss)
        ks = (1, 5) if len(self.classes) > 5 else (1,)
        return (
            TopKAccuracy(ks),
            ConfusionMatrix(self.classes),
            curves,
            CalibrationError(self.link),
            loss,
        )

    def telling(self, evaluation: Evaluation) -> list[int]:
        return [] if self.multilabel else [int(evaluation.indices[row]) for row in mistakes(evaluation)]

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        if self.multilabel:
            return multilabel_sections(evaluation, self.classes)
        watched = probe_section(probes, recordings, self.classes) if probes and recordings else []
        return [*classifier_sections(evaluation, pictures, self.classes), *watched]

    @staticmethod
    def _row(numbers: tuple[float, ...] | None, like: Tensor) -> Tensor | None:
        return None if numbers is None else like.new_tensor(numbers)


def _heads(output: Any) -> tuple[Tensor, list[Tensor]]:
    """The main output, and the auxiliary ones; torchvision leaves None for a head that is switched off."""
    if isinstance(output, Tensor):
        return output, []
    if not isinstance(output, tuple) or not all(part is None or isinstance(part, Tensor) for part in output):
        raise InputError(
            "a classifier must give a tensor (samples, classes) or a tuple that starts with it, "
            f"got {type(output).__name__}"
        )
    return output[0], [part for part in output[1:] if part is not None]


TASKS: dict[str, type[TaskSettings]] = {"classification": ClassificationSettings}

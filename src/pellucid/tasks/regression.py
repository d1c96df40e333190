"""Regression: one number for each sample.

The network learns the target standardised by the training split's mean and standard deviation, so that its
scale suits any learning rate; everything a person sees is in the target's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.metrics.loss import MeanLoss
from pellucid.metrics.metric import Metric
from pellucid.metrics.regression import RegressionErrors
from pellucid.tasks.task import Losses, Objective, Pictures, TaskSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Regressed
from pellucid.views.page import Section
from pellucid.views.regression import predicted_against_true

Loss = Literal["mse", "l1", "huber"]
_CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
}


@dataclass(frozen=True)
class RegressionSettings(TaskSettings):
    """What to minimise."""

    loss: Loss = "mse"
    """Squared error, absolute error, or huber: squared up to one standard deviation of the target, absolute
    beyond.
    """

    def __post_init__(self) -> None:
        if self.loss not in get_args(Loss):
            raise InputError(f"loss must be one of {', '.join(get_args(Loss))}, got {self.loss!r}")

    def outputs(self, info: DataInfo) -> int:
        if info.classes:
            raise InputError(
                f"{info.name} has {len(info.classes)} classes, not values; use the task classification"
            )
        return 1

    def build(self, info: DataInfo) -> Regression:
        self.outputs(info)
        if not (math.isfinite(info.target_mean) and 0 < info.target_std < math.inf):
            raise InputError(
                f"the target of {info.name} must vary over the training split, "
                f"got the mean {info.target_mean:g} and the standard deviation {info.target_std:g}"
            )
        return Regression(self, info.target_mean, info.target_std)


@dataclass(frozen=True)
class Regression:
    """`mean` and `std` are the training targets', in their unit. Targets are (b,) in that unit; a network
    gives (b, 1) or (b,).
    """

    settings: RegressionSettings
    mean: float
    std: float

    @property
    def primary(self) -> tuple[str, bool]:
        return ("MSE", False)

    def objectives(self) -> Sequence[Objective]:
        return (Objective("regressor", self.loss),)

    def loss(self, model: nn.Module, batch: Batch) -> Losses:
        return {"loss": self._standardised_loss(_values(model(batch.inputs)), batch.targets)}

    def criterion(self, output: Tensor, targets: Tensor) -> Tensor:
        """The loss of predictions in the target's unit, as `forward` gives them."""
        return self._standardised_loss((output - self.mean) / self.std, targets)

    def _standardised_loss(self, values: Tensor, targets: Tensor) -> Tensor:
        # (b, 1) against (b,) would broadcast to all pairs.
        if targets.shape != values.shape:
            raise InputError(
                f"targets must be one number a sample, {tuple(values.shape)}, got {tuple(targets.shape)}"
            )
        return _CRITERIA[self.settings.loss](values, ((targets - self.mean) / self.std).float())

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Predictions (b,) in the target's unit."""
        return _values(model(batch.inputs)) * self.std + self.mean

    def decode(self, output: Tensor, batch: Batch) -> list[Regressed]:
        return [Regressed(*pair) for pair in zip(batch.indices.tolist(), output.tolist(), strict=True)]

    def probe(self, output: Tensor, batch: Batch) -> Tensor:
        return output.float()[:, None]

    def exhibits(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {}

    def metrics(self) -> Sequence[Metric]:
        return (RegressionErrors(), MeanLoss(self.criterion))

    def telling(self, evaluation: Evaluation) -> list[int]:
        return []

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> list[Section]:
        predicted, truth = evaluation.outputs[:, 0], evaluation.targets
        lead = "Each point is a sample; on the line the prediction is the truth."
        return [Section("Prediction against truth", (predicted_against_true(predicted, truth),), lead)]


def _values(output: Tensor) -> Tensor:
    """A network's (b, 1) or (b,) as (b,) float32."""
    if output.ndim == 0 or output.shape[1:] not in ((), (1,)):
        raise InputError(f"a regression network must give one number a sample, got {tuple(output.shape)}")
    return output.float().flatten()


TASKS: dict[str, type[TaskSettings]] = {"regression": RegressionSettings}

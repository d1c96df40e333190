"""What a task is: everything the training loop has to know about it, and nothing about the loop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.metrics.metric import Metric
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo
from pellucid.types.evaluation import Evaluation
from pellucid.types.optim import OptimSettings
from pellucid.types.recording import Probes, Recording
from pellucid.types.records import Record
from pellucid.views.page import Section

Losses = Mapping[str, Tensor]
Pictures = Mapping[int, NDArray[np.uint8]]


def _as_the_run(settings: OptimSettings) -> OptimSettings:
    return settings


def _nothing(recording: Recording) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Objective:
    """One player of the training: what it minimises, with which parameters, how it steps, and how often.

    `loss(model, batch)` returns named scalars, already weighted and averaged over the batch; their sum is
    minimised over the parameters of `players(model)`, the modules this objective trains. It steps on every
    `every`-th step of the loop. A classifier has one objective; a GAN has two.

    `optim` makes its optimiser's settings from the run's. After each of its steps, `project` puts its
    parameters back to where they may be. It is stopped as diverged where its loss goes beyond ±`limit`.
    `watch` says what is wrong with it, as a recording shows that: words by the trouble's name.
    """

    name: str
    loss: Callable[[nn.Module, Batch], Losses]
    players: Callable[[nn.Module], Sequence[nn.Module]] = lambda model: [model]
    every: int = 1
    optim: Callable[[OptimSettings], OptimSettings] = _as_the_run
    project: Callable[[nn.Module], None] | None = None
    limit: float = math.inf
    watch: Callable[[Recording], Mapping[str, str]] = _nothing


class Task(Protocol):
    """A final class; the loop, the command line and the report know tasks only by this."""

    @property
    def primary(self) -> tuple[str, bool]:
        """The metric that says which checkpoint is best, and whether higher is better: ("top-1", True)."""
        ...

    def objectives(self) -> Sequence[Objective]: ...

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        """The network's output for a batch, as `decode`, `probe` and the metrics take it. Usually
        `model(batch.inputs)`.
        """
        ...

    def decode(self, output: Any, batch: Batch) -> Sequence[Record]:
        """What is said of each sample; `batch.targets` may be anything."""
        ...

    def probe(self, output: Any, batch: Batch) -> Tensor:
        """(b, numbers) float32: what is kept of every sample's output. Probabilities for classification."""
        ...

    def exhibits(self, output: Any, batch: Batch) -> Mapping[str, Tensor]:
        """(b, h, w) or (b, h, w, 3) uint8 by name: what is kept beside the pictures of a few samples, those
        of `telling` and the recorder's. Label maps for segmentation; nothing where `probe` says it all.
        """
        ...

    def metrics(self) -> Sequence[Metric]:
        """Fresh accumulators for one evaluation."""
        ...

    def telling(self, evaluation: Evaluation) -> Sequence[int]:
        """Indices of the samples whose pictures a report will want: the worst mistakes."""
        ...

    def sections(
        self,
        evaluation: Evaluation,
        pictures: Pictures,
        probes: Probes | None,
        recordings: Sequence[Recording],
    ) -> Sequence[Section]:
        """What a report shows of this task; `pictures` are those of `telling`, (c, h, w) uint8 by index, and
        `evaluation.exhibits` theirs.
        """
        ...


@dataclass(frozen=True)
class TaskSettings(ABC):
    """What a user can set about a task; the fields of a concrete one are options of the command line.

    `asks_for_maps` says whether it takes networks that give numbers for every pixel, not for the picture;
    `asks_for_codes`, whether they are autoencoders, whose `outputs` is the length of their code; `any_size`,
    whether a trained network is shown pictures as they are, whatever the size it was trained at.
    """

    asks_for_maps: ClassVar[bool] = False
    asks_for_codes: ClassVar[bool] = False
    any_size: ClassVar[bool] = False

    @abstractmethod
    def outputs(self, info: DataInfo) -> int:
        """How many numbers the network has to give for this data. Raises `InputError` if the data do not fit
        the task.
        """

    @abstractmethod
    def build(self, info: DataInfo) -> Task:
        """The task for this data. Raises `InputError` as `outputs` does."""

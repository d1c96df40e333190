"""What a run's test found: the confusion matrix, the samples of a cell, the worst mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.opening import open_data
from pellucid.data.source import Data
from pellucid.recipes.experiment import OpenedRun
from pellucid.studio.schemas.runs import MistakeInfo, ResultsInfo
from pellucid.tasks.classification import ClassificationSettings
from pellucid.tasks.classification_views import threshold_curves
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.views.figure import Figure

MISTAKES = 200


@dataclass(frozen=True)
class Judged:
    """A classifier's answers on its test split."""

    evaluation: Evaluation
    classes: tuple[str, ...]

    @property
    def said(self) -> NDArray[np.int64]:
        return np.asarray(self.evaluation.outputs.argmax(1))

    def confusion(self) -> NDArray[np.int64]:
        count = len(self.classes)
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (self.evaluation.targets.astype(np.int64), self.said), 1)
        return matrix

    def cell(self, truth: int, said: int) -> list[MistakeInfo]:
        """The samples of one cell of the matrix, the surest first."""
        rows = np.flatnonzero((self.evaluation.targets == truth) & (self.said == said))
        return self._told(rows)

    def mistakes(self) -> list[MistakeInfo]:
        return self._told(np.flatnonzero(self.said != self.evaluation.targets))[:MISTAKES]

    def _told(self, rows: NDArray[np.int64]) -> list[MistakeInfo]:
        sure = self.evaluation.outputs[rows].max(1) if len(rows) else np.empty(0)
        return [
            MistakeInfo(
                index=int(self.evaluation.indices[row]),
                truth=int(self.evaluation.targets[row]),
                said=int(self.said[row]),
                confidence=float(self.evaluation.outputs[row].max()),
            )
            for row in rows[np.argsort(-sure, kind="stable")]
        ]


def tested(opened: OpenedRun) -> Evaluation:
    """Raises `InputError` where the run was not tested."""
    kept = opened.folder.read_evaluation("test")
    if kept is None:
        raise InputError(f"{opened.folder.path.name} has not been tested yet; it is when its training ends")
    return kept[0]


def classifies(opened: OpenedRun) -> bool:
    """Whether each picture gets one class; that pictures have labels does not say so: a generator's may."""
    info, task = opened.info, opened.recipe.task
    one = bool(info.classes) and not (info.multilabel or info.label_maps)
    return one and isinstance(task, ClassificationSettings)


def judged(opened: OpenedRun) -> Judged:
    """Raises `InputError` where the run was not tested, or is no classifier with one label a picture."""
    evaluation, info = tested(opened), opened.info
    if evaluation.targets.ndim != 1 or not classifies(opened):
        raise InputError(f"{opened.folder.path.name} is no classifier with one class for each picture")
    return Judged(evaluation, info.classes)


def results_info(opened: OpenedRun) -> ResultsInfo:
    evaluation = tested(opened)
    found = judged(opened) if classifies(opened) else None
    return ResultsInfo(
        split=evaluation.split,
        step=evaluation.step,
        metrics={name: value if math.isfinite(value) else None for name, value in evaluation.metrics.items()},
        classes=list(found.classes) if found else [],
        confusion=found.confusion().tolist() if found else [],
        mistakes=found.mistakes() if found else [],
    )


def curves_of(found: Judged) -> Sequence[Figure]:
    """ROC and precision–recall curves of each class, as a report has them."""
    outputs, truth = torch.from_numpy(found.evaluation.outputs), torch.from_numpy(found.evaluation.targets)
    return threshold_curves(outputs, truth, found.classes)


def data_of(opened: OpenedRun) -> Data:
    """The run's data, opened again. Raises `InputError` where they are no longer what they were."""
    data = open_data(opened.recipe.data)
    if data.info.fingerprint != opened.info.fingerprint:
        raise InputError(f"the data of {opened.folder.path.name} changed since it was trained")
    return data

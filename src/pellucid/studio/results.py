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


def judged(opened: OpenedRun) -> Judged:
    """Raises `InputError` where the run was not tested, or is no classifier with one label a picture."""
    kept = opened.folder.read_evaluation("test")
    if kept is None:
        raise InputError(f"{opened.folder.path.name} has not been tested yet; it is when its training ends")
    evaluation, _ = kept
    info = opened.info
    if evaluation.targets.ndim != 1 or not info.classes or info.multilabel or info.label_maps:
        raise InputError(f"{opened.folder.path.name} is no classifier with one class for each picture")
    return Judged(evaluation, info.classes)


def results_info(found: Judged) -> ResultsInfo:
    metrics = {
        name: value if math.isfinite(value) else None for name, value in found.evaluation.metrics.items()
    }
    return ResultsInfo(
        split=found.evaluation.split,
        step=found.evaluation.step,
        metrics=metrics,
        classes=list(found.classes),
        confusion=found.confusion().tolist(),
        mistakes=found.mistakes(),
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

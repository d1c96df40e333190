"""What the test of a run found that gives every pixel a class: by class, by picture, any picture shown."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pellucid.data.source import Data
from pellucid.metrics.segmentation import frequency_baselines, region_scores
from pellucid.recipes.experiment import OpenedRun, exhibit
from pellucid.studio.schemas.runs import MaskPictureInfo, MaskResultsInfo, RegionInfo
from pellucid.tasks.segmentation_views import confusions, picture_scores
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.views.figure import Figure
from pellucid.views.html import fragment
from pellucid.views.segmentation import legend, segmented


def masks_info(opened: OpenedRun) -> MaskResultsInfo:
    """Classes in their order, pictures with the worst first."""
    evaluation = _tested(opened)
    matrix = confusions(evaluation).sum(0)
    classes = opened.info.classes
    scores = picture_scores(evaluation)
    return MaskResultsInfo(
        split=evaluation.split,
        step=evaluation.step,
        metrics={name: _finite(value) for name, value in evaluation.metrics.items()},
        baselines=[_finite(value) for value in frequency_baselines(matrix.sum(1))],
        classes=[
            RegionInfo(
                name=each.label,
                share=_finite(each.share),
                iou=_finite(each.iou),
                dice=_finite(each.dice),
                accuracy=_finite(each.accuracy),
            )
            for each in region_scores(classes, matrix.diagonal(), matrix.sum(0), matrix.sum(1))
        ],
        pictures=[
            MaskPictureInfo(index=int(evaluation.indices[row]), iou=_finite(scores[row]))
            for row in np.argsort(scores, kind="stable").tolist()
        ],
        legend=fragment(legend(classes)),
    )


def picture_figure(opened: OpenedRun, model: nn.Module, data: Data, index: int) -> Figure:
    """Picture, truth, prediction, errors and doubt of one test picture, as `model` sees it now."""
    evaluation = _tested(opened)
    rows = np.flatnonzero(evaluation.indices == index)
    if not len(rows):
        raise InputError(f"the test of {opened.folder.path.name} has no picture {index}")
    task = opened.recipe.task.build(opened.info)
    picture, maps = exhibit(model, task, data, evaluation.split, index)
    score: NDArray[np.float64] = picture_scores(evaluation)[rows]
    title = f"Picture {index}, mIoU {score[0]:.3f}" if math.isfinite(score[0]) else f"Picture {index}"
    return segmented(picture, maps, opened.info.classes, title)


def _tested(opened: OpenedRun) -> Evaluation:
    name = opened.folder.path.name
    if not opened.info.label_maps:
        raise InputError(f"{name} gives no class to every pixel")
    kept = opened.folder.read_evaluation("test")
    if kept is None:
        raise InputError(f"{name} has not been tested yet; it is when its training ends")
    return kept[0]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

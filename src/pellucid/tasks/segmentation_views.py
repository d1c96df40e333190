"""What a report shows of a segmentation: by class, by picture, and what it said along training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.metrics.segmentation import frequency_baselines, ious, region_scores
from pellucid.tasks.task import Pictures
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.views import segmentation as views
from pellucid.views.contents import Content, Steps
from pellucid.views.page import Section
from pellucid.views.words import counted

_WORST, _MIDDLE = 5, 3  # pictures that are shown of either kind


def picture_scores(evaluation: Evaluation) -> NDArray[np.float64]:
    """(n,): each picture's mean IoU; NaN for one without a judged pixel."""
    scores: NDArray[np.float64] = ious(confusions(evaluation)).nanmean(-1).numpy()
    return scores


def telling(evaluation: Evaluation) -> list[int]:
    """The worst pictures, and those in the middle, so that the worst are not taken for the whole."""
    order = np.argsort(picture_scores(evaluation), kind="stable")
    half = max(_WORST, (len(order) - _MIDDLE) // 2)
    rows = dict.fromkeys([*order[:_WORST].tolist(), *order[half : half + _MIDDLE].tolist()])
    return [int(evaluation.indices[row]) for row in rows]


def segmentation_sections(
    evaluation: Evaluation,
    pictures: Pictures,
    probes: Probes | None,
    recordings: Sequence[Recording],
    classes: Sequence[str],
) -> list[Section]:
    """`evaluation.outputs` are each picture's confusion matrices, row by row."""
    matrix = confusions(evaluation).sum(0)
    scores = region_scores(classes, matrix.diagonal(), matrix.sum(0), matrix.sum(1))
    wrong = 1 - float(matrix.diagonal().sum() / matrix.sum().clamp_min(1))
    count = counted(len(evaluation.indices), "picture")
    sections = [
        Section(
            "Class by class",
            (
                views.per_class(scores),
                views.per_class_table(scores),
                views.confusion(matrix.numpy(), classes),
            ),
            f"{100 * wrong:.1f} % of the pixels of {count} ({evaluation.split}) were given another class. "
            f"{_baseline(matrix)}",
        ),
        Section("Picture by picture", tuple(_by_picture(evaluation, pictures, classes)), _LEAD),
    ]
    watched = _along_training(probes, recordings, classes) if probes else []
    return [*sections, *watched]


def _baseline(matrix: torch.Tensor) -> str:
    """How good one is who knows only how often the classes occur."""
    constant, random = frequency_baselines(matrix.sum(1))
    return (
        f"The mean IoU is {float(ious(matrix).nanmean()):.3f}; knowing only how often the classes occur, it "
        f"would be {constant:.3f} with the most frequent one everywhere and {random:.3f} with one drawn for "
        "every pixel."
    )


_LEAD = (
    "First the pictures with the least mean IoU, then some from the middle. Red is wrong; nearly black is "
    "not judged. Doubt is the entropy of what the network thinks possible: it should be high where it errs."
)


def _by_picture(evaluation: Evaluation, pictures: Pictures, classes: Sequence[str]) -> list[Content]:
    scores, rows = picture_scores(evaluation), {}
    for row, index in enumerate(evaluation.indices.tolist()):
        rows[index] = row
    shown: list[Content] = [views.by_picture(scores, evaluation.indices.tolist()), views.legend(classes)]
    for index, maps in evaluation.exhibits.items():
        if index in pictures:
            title = f"Picture {index}, mIoU {scores[rows[index]]:.3f}"
            shown.append(views.segmented(pictures[index], maps, classes, title))
    return shown


def _along_training(probes: Probes, recordings: Sequence[Recording], classes: Sequence[str]) -> list[Section]:
    """What was said of the first watched pictures at each recorded step."""
    frames = {
        each.step: views.predicted(
            list(probes.pictures[: len(each.exhibits["said"])]), list(each.exhibits["said"]), classes
        )
        for each in recordings
        if "said" in each.exhibits
    }
    if not frames or not len(probes.pictures):
        return []
    lead = "The same pictures at every recorded step; move the slider at the foot of the page."
    return [Section("What it said along training", (Steps(frames),), lead)]


def confusions(evaluation: Evaluation) -> torch.Tensor:
    """(n, classes, classes) int64."""
    side = round(evaluation.outputs.shape[1] ** 0.5)
    return torch.from_numpy(evaluation.outputs).view(-1, side, side).long()

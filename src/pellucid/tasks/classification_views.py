"""What a report shows of a classifier: where it errs, how sure it is, what it said along training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.metrics.calibration import expected_calibration_error, reliability_bins
from pellucid.metrics.confusion import class_scores, confusion_matrix
from pellucid.metrics.curves import threshold_counts
from pellucid.tasks.task import Pictures
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.views import classification as views
from pellucid.views.contents import Content, Steps
from pellucid.views.figure import Figure, beside
from pellucid.views.layers import probe_confidence
from pellucid.views.page import Section
from pellucid.views.pictures import probe_predictions, worst_mistakes
from pellucid.views.words import counted

_MISTAKES = 24
_CURVES = 50  # with more classes, curves one against the rest say nothing any more


def mistakes(evaluation: Evaluation) -> list[int]:
    """Rows of `evaluation` whose most probable class is wrong, the surest first; at most 24."""
    said = evaluation.outputs.argmax(axis=1)
    wrong = np.flatnonzero(said != evaluation.targets)
    return [
        int(row)
        for row in wrong[np.argsort(-evaluation.outputs[wrong].max(axis=1), kind="stable")][:_MISTAKES]
    ]


def classifier_sections(evaluation: Evaluation, pictures: Pictures, classes: Sequence[str]) -> list[Section]:
    """Confusion, classes, curves, calibration and mistakes of a classifier with one label a picture."""
    probabilities, truth = torch.from_numpy(evaluation.outputs), torch.from_numpy(evaluation.targets)
    matrix = confusion_matrix(probabilities.argmax(dim=1), truth, len(classes))
    scores = class_scores(classes, matrix.diagonal(), matrix.sum(dim=0), matrix.sum(dim=1))
    wrong = int(matrix.sum() - matrix.diagonal().sum())
    return [
        Section(
            "Where it errs",
            (views.confusion_matrix(matrix.numpy(), classes), *_confusions(matrix, classes)),
            f"{wrong:,} of {counted(len(truth), 'picture')} ({evaluation.split}) "
            f"{'was' if wrong == 1 else 'were'} taken for another class.",
        ),
        Section("Class by class", (views.per_class(scores), views.per_class_table(scores))),
        *_mistake_section(evaluation, pictures, classes),
        Section(
            "How sure it is",
            (*threshold_curves(probabilities, truth, classes), _reliability(probabilities, truth)),
            "Each class against the rest, and whether a confidence of 90 % is right in 90 of 100 cases.",
        ),
    ]


def multilabel_sections(evaluation: Evaluation, classes: Sequence[str]) -> list[Section]:
    """Each label on its own: present from a probability of one half on."""
    probabilities = torch.from_numpy(evaluation.outputs)
    truth = torch.from_numpy(evaluation.targets) > 0.5
    said = probabilities > 0.5
    scores = class_scores(classes, (said & truth).sum(dim=0), said.sum(dim=0), truth.sum(dim=0))
    lead = "A label counts as given from a probability of 0.5 on."
    return [
        Section("Label by label", (views.per_class(scores), views.per_class_table(scores)), lead),
        Section(
            "How sure it is",
            tuple(threshold_curves(probabilities, truth, classes)),
            "A curve for each label.",
        ),
    ]


def _confusions(matrix: Tensor, classes: Sequence[str]) -> list[Content]:
    has_errors = bool(matrix.sum() > matrix.diagonal().sum())
    return [views.most_confused(matrix.numpy(), classes)] if has_errors else []


def _mistake_section(evaluation: Evaluation, pictures: Pictures, classes: Sequence[str]) -> list[Section]:
    shown = [row for row in mistakes(evaluation) if int(evaluation.indices[row]) in pictures]
    if not shown:
        return []
    said = evaluation.outputs[shown].argmax(axis=1)
    figure = worst_mistakes(
        [pictures[int(evaluation.indices[row])] for row in shown],
        [classes[int(evaluation.targets[row])] for row in shown],
        [classes[int(label)] for label in said],
        [float(value) for value in evaluation.outputs[shown].max(axis=1)],
    )
    return [
        Section(
            "Worst mistakes",
            (figure,),
            "Wrong answers, the surest first: what the picture is, and what was said instead.",
        )
    ]


def threshold_curves(probabilities: Tensor, truth: Tensor, classes: Sequence[str]) -> list[Figure]:
    """ROC and precision–recall curves of each class side by side; nothing for many classes."""
    if len(classes) > _CURVES:
        return []
    present = [truth == i if truth.ndim == 1 else truth[:, i] for i in range(len(classes))]
    counts = {name: threshold_counts(probabilities[:, i], present[i]) for i, name in enumerate(classes)}
    roc = views.roc({name: found.roc_curve() for name, found in counts.items()})
    precision = views.precision_recall(
        {name: found.precision_recall_curve() for name, found in counts.items()}
    )
    return [beside(roc, precision)]


def _reliability(probabilities: Tensor, truth: Tensor) -> Content:
    confidence, said = probabilities.max(dim=1)
    bins = reliability_bins(confidence, said == truth)
    return views.reliability(bins, expected_calibration_error(bins))


def probe_section(probes: Probes, recordings: Sequence[Recording], classes: Sequence[str]) -> list[Section]:
    """What was said of the watched pictures at each recorded step."""
    if not len(probes.pictures):
        return []
    frames = {each.step: probe_predictions(each, probes, classes) for each in recordings}
    contents: tuple[Content, ...] = (Steps(frames), probe_confidence(recordings, probes))
    lead = "The same pictures at every recorded step; move the slider at the foot of the page."
    return [Section("What it said along training", contents, lead)]

"""Every number equal to scikit-learn's, and to torchmetrics' where it follows the same convention.

The inputs: random ones, and those on which implementations differ: ties, classes that are absent from the
truth or never predicted, one class only, perfect, inverted and constant scores, a single sample.
"""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as oracle
import torch
import torchmetrics.functional.classification as torchmetrics
from sklearn.calibration import calibration_curve
from torchmetrics.functional.regression import mean_absolute_error as torchmetrics_mae
from torchmetrics.functional.regression import r2_score as torchmetrics_r2

from pellucid.metrics.accuracy import top_k_accuracy
from pellucid.metrics.calibration import expected_calibration_error, reliability_bins
from pellucid.metrics.confusion import ConfusionMatrix, confusion_matrix, macro_average, weighted_average
from pellucid.metrics.curves import OneVsRestCurves, threshold_counts
from pellucid.metrics.multilabel import MultilabelScores, label_accuracy, subset_accuracy
from pellucid.metrics.regression import mean_absolute_error, mean_squared_error, r2_score
from pellucid.ops.losses import sigmoid, softmax
from pellucid.types.batch import Batch

CLASSES = 7


def classification_cases() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, CLASSES, (400,), generator=generator)
    scores = torch.randn(400, CLASSES, generator=generator)
    scores[torch.arange(400), labels] += 1.0
    truth = torch.nn.functional.one_hot(labels, CLASSES).float()
    never = scores.clone()
    never[:, 2] = -20
    return {
        "random": (scores, labels),
        "ties": ((scores * 2).round() / 2, labels),
        "absent class": (scores, labels.where(labels != 4, 1)),
        "never predicted": (never, labels),
        "absent and never predicted": (never, labels.where(labels != 2, 1)),
        "one class only": (scores, torch.full((400,), 3)),
        "perfect": (truth * 8, labels),
        "inverted": (truth * -8, labels),
        "constant": (torch.zeros(400, CLASSES), labels),
        "one sample": (scores[:1], labels[:1]),
    }


CASES = classification_cases()
every_case = pytest.mark.parametrize(("scores", "labels"), CASES.values(), ids=CASES)


def batch_of(targets: torch.Tensor) -> Batch:
    return Batch(torch.zeros(len(targets), 1), targets, torch.arange(len(targets)))


@pytest.fixture(autouse=True)
def _quiet_oracles():
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the oracles warn where a score is undefined, which is the point here
        yield


@every_case
@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy(scores, labels, k):
    # scikit-learn gives the last of equal scores the first place, we the first: turn the classes round.
    expected = oracle.top_k_accuracy_score(CLASSES - 1 - labels, scores.flip(1), k=k, labels=range(CLASSES))
    assert top_k_accuracy(scores, labels, k) == pytest.approx(expected, abs=1e-12)


@every_case
def test_confusion_matrix_and_what_follows_from_it(scores, labels):
    predictions = scores.argmax(dim=1)
    matrix = confusion_matrix(predictions, labels, CLASSES)
    assert matrix.tolist() == oracle.confusion_matrix(labels, predictions, labels=range(CLASSES)).tolist()
    assert matrix.tolist() == torchmetrics.multiclass_confusion_matrix(predictions, labels, CLASSES).tolist()
    assert matrix.diagonal().sum() / len(labels) == pytest.approx(top_k_accuracy(scores, labels))

    accumulator = ConfusionMatrix([str(index) for index in range(CLASSES)])
    accumulator.update(scores, batch_of(labels))
    rows = accumulator.per_class()
    for average, rows_of_ours in (
        (None, rows),
        ("macro", [macro_average(rows)]),
        ("weighted", [weighted_average(rows)]),
    ):
        expected = oracle.precision_recall_fscore_support(
            labels, predictions, labels=range(CLASSES), average=average, zero_division=np.nan
        )
        for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
            ours = [getattr(row, name) for row in rows_of_ours]
            np.testing.assert_allclose(ours, np.atleast_1d(values), rtol=1e-12, err_msg=f"{average} {name}")
    assert [row.support for row in rows] == torch.bincount(labels, minlength=CLASSES).tolist()
    assert accumulator.compute()["macro-recall"] == pytest.approx(
        oracle.balanced_accuracy_score(labels, predictions)
    )


@every_case
def test_roc(scores, labels):
    for index in range(CLASSES):
        positives = labels == index
        curve = threshold_counts(scores[:, index], positives).roc_curve()
        rates = oracle.roc_curve(positives, scores[:, index], drop_intermediate=False)
        ours = (curve.false_positive_rate, curve.true_positive_rate, curve.thresholds)
        for expected, values in zip(rates, ours, strict=True):
            np.testing.assert_allclose(values, expected, rtol=1e-12)
        area = (
            oracle.roc_auc_score(positives, scores[:, index])
            if len(set(positives.tolist())) > 1
            else math.nan
        )
        np.testing.assert_allclose(curve.area, area, rtol=1e-12)


@every_case
def test_precision_recall(scores, labels):
    for index in range(CLASSES):
        positives = labels == index
        curve = threshold_counts(scores[:, index], positives).precision_recall_curve()
        if not positives.any():
            assert math.isnan(curve.average_precision)
            assert np.isnan(curve.recall).all()
            continue
        precision, recall, thresholds = oracle.precision_recall_curve(positives, scores[:, index])
        np.testing.assert_allclose(curve.precision, precision[::-1], rtol=1e-12)
        np.testing.assert_allclose(curve.recall, recall[::-1], rtol=1e-12)
        np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1], rtol=1e-12)
        expected = oracle.average_precision_score(positives, scores[:, index])
        assert curve.average_precision == pytest.approx(expected, rel=1e-12)


@every_case
def test_macro_areas_one_against_the_rest(scores, labels):
    probabilities = scores.softmax(dim=1)
    curves = OneVsRestCurves(softmax)
    curves.update(scores, batch_of(labels))
    ours = curves.compute()
    present = labels.unique().tolist()
    both = [index for index in present if len(present) > 1]
    areas = [oracle.roc_auc_score(labels == index, probabilities[:, index]) for index in both]
    precisions = [
        oracle.average_precision_score(labels == index, probabilities[:, index]) for index in present
    ]
    np.testing.assert_allclose(ours["ROC-AUC"], np.mean(areas) if areas else math.nan, rtol=1e-9)
    np.testing.assert_allclose(ours["mAP"], np.mean(precisions), rtol=1e-9)
    theirs = torchmetrics.multiclass_average_precision(probabilities, labels, CLASSES)
    np.testing.assert_allclose(ours["mAP"], theirs, rtol=1e-4)


def test_macro_areas_equal_the_one_call_of_scikit_learn():
    scores, labels = CASES["random"]
    curves = OneVsRestCurves(softmax)
    curves.update(scores, batch_of(labels))
    probabilities = scores.double().softmax(dim=1)
    expected = oracle.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert curves.compute()["ROC-AUC"] == pytest.approx(expected, abs=1e-6)


@every_case
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_expected_calibration_error(scores, labels, bins):
    confidences, predictions = scores.softmax(dim=1).max(dim=1)
    rows = reliability_bins(confidences, predictions == labels, bins)
    expected = torchmetrics.multiclass_calibration_error(
        scores.softmax(dim=1), labels, CLASSES, n_bins=bins, norm="l1"
    )
    assert expected_calibration_error(rows) == pytest.approx(expected.item(), abs=1e-5)  # float32 sums
    correct = (predictions == labels).numpy()
    if correct.any() and not correct.all():  # scikit-learn wants both
        fractions, means = calibration_curve(correct, confidences.double().numpy(), n_bins=bins)
        filled = [row for row in rows if row.count]
        np.testing.assert_allclose([row.accuracy for row in filled], fractions, rtol=1e-12)
        np.testing.assert_allclose([row.confidence for row in filled], means, rtol=1e-9)


def multilabel_cases() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(5)
    targets = (torch.rand(200, 5, generator=generator) < 0.3).long()
    logits = torch.randn(200, 5, generator=generator) + 2 * targets - 1
    absent, always = targets.clone(), targets.clone()
    absent[:, 1], always[:, 3] = 0, 1
    return {
        "random": (logits, targets),
        "ties": (logits.round(), targets),
        "a label absent": (logits, absent),
        "a label in all": (logits, always),
        "no label at all": (logits - 20, torch.zeros_like(targets)),
        "perfect": (16.0 * targets - 8, targets),
    }


@pytest.mark.parametrize(("logits", "targets"), multilabel_cases().values(), ids=multilabel_cases())
def test_multi_label(logits, targets):
    accumulator, curves = MultilabelScores("abcde"), OneVsRestCurves(sigmoid)
    for metric in (accumulator, curves):
        metric.update(logits, batch_of(targets))
    predictions = (logits > 0).long()
    ours = accumulator.compute() | curves.compute()
    averages = {
        f"{average}-F1": oracle.f1_score(targets, predictions, average=average, zero_division=np.nan)
        for average in ("macro", "micro")
    }
    exact = oracle.accuracy_score(targets, predictions)
    single = 1 - oracle.hamming_loss(targets, predictions)
    for name, expected in {**averages, "subset-accuracy": exact, "label-accuracy": single}.items():
        np.testing.assert_allclose(ours[name], expected, rtol=1e-12, err_msg=name)
    assert (subset_accuracy(predictions, targets), label_accuracy(predictions, targets)) == pytest.approx(
        (exact, single)
    )
    # Both oracles call the average precision of a label without positives 0; we leave it out of the mean.
    present = targets.any(dim=0)
    theirs = torchmetrics.multilabel_average_precision(logits, targets, 5, average=None)[present]
    expected = [
        oracle.average_precision_score(targets[:, c], logits[:, c].sigmoid()) for c in present.nonzero()[:, 0]
    ]
    np.testing.assert_allclose(ours["mAP"], np.mean(expected) if expected else math.nan, rtol=1e-9)
    np.testing.assert_allclose(theirs, expected, rtol=1e-5)
    areas = [
        oracle.roc_auc_score(targets[:, c], logits[:, c].sigmoid())
        for c in range(5)
        if len(targets[:, c].unique()) > 1
    ]
    np.testing.assert_allclose(ours["ROC-AUC"], np.mean(areas) if areas else math.nan, rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression(offset):
    generator = torch.Generator().manual_seed(7)
    targets = torch.randn(300, generator=generator).double() * 50 + offset
    predictions = targets + torch.randn(300, generator=generator) * 20
    assert mean_squared_error(predictions, targets) == pytest.approx(
        oracle.mean_squared_error(targets, predictions), rel=1e-12
    )
    assert mean_absolute_error(predictions, targets) == pytest.approx(
        oracle.mean_absolute_error(targets, predictions), rel=1e-12
    )
    assert mean_absolute_error(predictions, targets) == pytest.approx(
        torchmetrics_mae(predictions, targets).item()
    )
    assert r2_score(predictions, targets) == pytest.approx(oracle.r2_score(targets, predictions), rel=1e-12)
    if not offset:  # torchmetrics sums squares, which loses all digits far from 0
        assert r2_score(predictions, targets) == pytest.approx(
            torchmetrics_r2(predictions, targets).item(), rel=1e-6
        )

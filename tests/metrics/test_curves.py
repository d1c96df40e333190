import math
import time

import numpy as np
import pytest
import torch

from pellucid.metrics.curves import OneVsRestCurves, threshold_counts
from pellucid.ops.losses import sigmoid, softmax
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def test_curves_by_hand():
    counts = threshold_counts(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1]))
    roc, precision_recall = counts.roc_curve(), counts.precision_recall_curve()
    assert roc.area == 0.75
    assert roc.false_positive_rate.tolist() == [0, 0, 0.5, 0.5, 1]
    assert roc.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    np.testing.assert_allclose(roc.thresholds, [math.inf, 0.8, 0.4, 0.35, 0.1], rtol=1e-6)
    assert precision_recall.recall.tolist() == [0, 0.5, 0.5, 1, 1]
    np.testing.assert_allclose(precision_recall.precision, [1, 1, 1 / 2, 2 / 3, 1 / 2])
    assert precision_recall.average_precision == pytest.approx(5 / 6)


def test_roc_area_is_the_chance_of_the_right_order():
    scores = torch.randn(60).mul(3).round()
    positives = torch.rand(60) < 0.4
    pairs = scores[positives][:, None] - scores[~positives][None]
    expected = ((pairs > 0).double() + 0.5 * (pairs == 0)).mean().item()
    assert threshold_counts(scores, positives).roc_area() == pytest.approx(expected, rel=1e-12)


def test_constant_scores_know_nothing():
    counts = threshold_counts(torch.full((10,), 0.3), torch.arange(10) < 4)
    assert counts.roc_area() == 0.5
    assert counts.average_precision() == pytest.approx(0.4)
    assert len(counts.thresholds) == 2


@pytest.mark.parametrize(("positives", "precision"), [([0, 0], math.nan), ([1, 1], 1.0)])
def test_one_side_only(positives, precision):
    counts = threshold_counts(torch.tensor([0.2, 0.9]), torch.tensor(positives))
    assert math.isnan(counts.roc_area())
    assert math.isnan(counts.roc_curve().area)
    np.testing.assert_equal(counts.average_precision(), precision)


def test_a_class_without_samples_is_left_out_of_the_mean():
    logits, labels = torch.randn(50, 3), torch.arange(50) % 2
    metric = OneVsRestCurves(softmax)
    metric.update(logits, Batch(logits, labels, torch.arange(50)))
    areas = [counts.roc_area() for counts in metric.counts()]
    assert math.isnan(areas[2])
    assert metric.compute()["ROC-AUC"] == pytest.approx(sum(areas[:2]) / 2)


def test_before_the_first_batch():
    assert all(math.isnan(value) for value in OneVsRestCurves(softmax).compute().values())


def test_what_a_batch_held_is_copied():
    logits, targets = torch.randn(4, 2), torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.bool)
    metric = OneVsRestCurves(sigmoid)
    metric.update(logits, Batch(logits, targets, torch.arange(4)))
    before = metric.compute()
    logits.zero_(), targets.zero_()
    assert metric.compute() == before


def test_bad_input():
    with pytest.raises(InputError, match="NaN or infinity for 1 of 2"):
        threshold_counts(torch.tensor([0.1, math.nan]), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="one number a sample"):
        threshold_counts(torch.rand(2), torch.tensor([0, 1, 1]))
    half = torch.full((2, 3), 0.5)
    with pytest.raises(InputError, match="must be 0 or 1, got another value at position 0"):
        OneVsRestCurves(sigmoid).update(half, Batch(half, half, torch.arange(2)))
    with pytest.raises(InputError, match=r"must be \(2, 3\) of 0 and 1, got \(2, 4\)"):
        OneVsRestCurves(sigmoid).update(half, Batch(half, torch.zeros(2, 4), torch.arange(2)))


def test_ten_thousand_samples_of_a_hundred_classes_take_less_than_a_second():
    logits, labels = torch.randn(10_000, 100), torch.arange(10_000) % 100
    metric = OneVsRestCurves(softmax)
    metric.update(logits, Batch(logits, labels, labels))
    start = time.process_time()
    metric.compute()
    assert time.process_time() - start < 1.0

import math

import pytest
import torch

from pellucid.metrics.accuracy import TopKAccuracy, ranks, top_k_accuracy
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

SCORES = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])


def test_ranks_by_hand():
    assert ranks(SCORES, torch.tensor([1, 2, 0, 1])).tolist() == [0, 2, 2, 1]


def test_equal_scores_are_taken_in_the_order_of_the_classes():
    assert ranks(torch.zeros(3, 3), torch.tensor([0, 1, 2])).tolist() == [0, 1, 2]
    assert top_k_accuracy(torch.zeros(3, 3), torch.tensor([0, 1, 2])) == pytest.approx(1 / 3)


def test_top_k_grows_to_1():
    labels = torch.tensor([1, 2, 0, 1])
    assert [top_k_accuracy(SCORES, labels, k) for k in (1, 2, 3)] == [0.25, 0.5, 1.0]


def test_accumulator_names_what_it_was_asked_for():
    metric = TopKAccuracy((1, 3))
    assert all(math.isnan(value) for value in metric.compute().values())
    metric.update(SCORES.bfloat16(), Batch(SCORES, torch.tensor([1, 2, 0, 1]), torch.arange(4)))
    assert metric.compute() == {"top-1": 0.25, "top-3": 1.0}


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_out_of_range(k):
    with pytest.raises(InputError, match="k from 1 to the 3 classes"):
        top_k_accuracy(SCORES, torch.tensor([1, 2, 0, 1]), k)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite(bad):
    scores = SCORES.clone()
    scores[2, 1] = bad
    with pytest.raises(InputError, match=r"finite, got NaN or infinity for 1 of 4 samples .* position 2"):
        top_k_accuracy(scores, torch.tensor([1, 2, 0, 1]))


@pytest.mark.parametrize("label", [3, -1, -100, 255])
def test_labels_out_of_range(label):
    with pytest.raises(InputError, match=f"labels must be from 0 to 2, got {label} at position 1"):
        top_k_accuracy(SCORES, torch.tensor([1, label, 0, 1]))


@pytest.mark.parametrize("labels", [torch.zeros(3).long(), torch.zeros(4), torch.zeros(4, 3)])
def test_labels_of_another_shape(labels):
    with pytest.raises(InputError, match="4 whole numbers, one a sample"):
        top_k_accuracy(SCORES, labels)


def test_scores_of_another_shape():
    with pytest.raises(InputError, match=r"\(samples, classes\), got \(4,\)"):
        top_k_accuracy(SCORES[:, 0], torch.tensor([1, 2, 0, 1]))

import math

import pytest
import torch
import torch.nn.functional as F

from pellucid.metrics.loss import MeanLoss
from pellucid.types.batch import Batch


def test_the_mean_over_samples_not_over_batches():
    logits, labels = torch.randn(10, 3), torch.arange(10) % 3
    metric = MeanLoss(F.cross_entropy)
    assert math.isnan(metric.compute()["loss"])
    for part in (slice(0, 7), slice(7, 7), slice(7, 10)):
        metric.update(logits[part], Batch(logits[part], labels[part], torch.arange(10)[part]))
    assert metric.compute()["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)

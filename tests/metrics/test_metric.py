"""What holds for every metric: splitting, merging and pickling change nothing, listing imports nothing."""

import math
import pickle
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.metrics import METRICS
from pellucid.metrics.accuracy import TopKAccuracy
from pellucid.metrics.calibration import CalibrationError
from pellucid.metrics.confusion import ConfusionMatrix
from pellucid.metrics.curves import OneVsRestCurves
from pellucid.metrics.loss import MeanLoss
from pellucid.metrics.multilabel import MultilabelScores
from pellucid.metrics.regression import RegressionErrors
from pellucid.ops.losses import sigmoid, softmax
from pellucid.types.batch import Batch

SAMPLES = 40
LOGITS = (torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(0)) * 4).round() / 2
LABELS = torch.arange(SAMPLES) * 7 % 3  # class 3 is absent
PRESENT = (LOGITS.roll(1, dims=0) > 1).float()

# A fresh accumulator, what it is fed, and whether its state is whole numbers, so that equal means equal.
KINDS = {
    "top-k": (lambda: TopKAccuracy((1, 2)), LOGITS, LABELS, True),
    "confusion": (lambda: ConfusionMatrix("abcd"), LOGITS, LABELS, True),
    "curves": (lambda: OneVsRestCurves(softmax), LOGITS, LABELS, True),
    "curves, multi-label": (lambda: OneVsRestCurves(sigmoid), LOGITS, PRESENT, True),
    "calibration": (lambda: CalibrationError(softmax), LOGITS, LABELS, True),
    "multi-label": (lambda: MultilabelScores("abcd"), LOGITS, PRESENT, True),
    "loss": (lambda: MeanLoss(F.cross_entropy), LOGITS, LABELS, False),
    "regression": (RegressionErrors, LOGITS[:, 0], LOGITS[:, 1], False),
}


def same(mine: dict[str, float], other: dict[str, float], exact: bool) -> bool:
    return mine.keys() == other.keys() and all(
        math.isclose(mine[name], other[name], rel_tol=0 if exact else 1e-6)
        or (math.isnan(mine[name]) and math.isnan(other[name]))
        for name in mine
    )


@pytest.mark.parametrize(("fresh", "outputs", "targets", "exact"), KINDS.values(), ids=KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_splits_into_batches_and_processes_and_their_order_change_nothing(
    data, fresh, outputs, targets, exact
):
    edges = sorted(data.draw(st.sets(st.integers(1, SAMPLES - 1), max_size=6)))
    parts = data.draw(st.permutations(list(zip([0, *edges], [*edges, SAMPLES], strict=True))))
    owners = data.draw(st.lists(st.integers(0, 2), min_size=len(parts), max_size=len(parts)))

    whole = fresh()
    whole.update(outputs, Batch(outputs, targets, torch.arange(SAMPLES)))
    processes = [fresh(), fresh(), fresh()]  # one of them may stay empty
    with torch.inference_mode():
        for owner, (start, stop) in zip(owners, parts, strict=True):
            batch = Batch(outputs[start:stop], targets[start:stop], torch.arange(start, stop))
            processes[owner].update(outputs[start:stop] + 0, batch)
    order = data.draw(st.permutations([0, 1, 2]))
    merged, *others = (pickle.loads(pickle.dumps(processes[rank])) for rank in order)  # noqa: S301 - our own
    for other in others:
        merged.merge(other)
    assert same(merged.compute(), whole.compute(), exact)


@pytest.mark.parametrize(("fresh", "outputs", "targets", "exact"), KINDS.values(), ids=KINDS)
def test_merging_leaves_the_other_as_it_was(fresh, outputs, targets, exact):
    mine, other = fresh(), fresh()
    for metric in (mine, other):
        metric.update(outputs, Batch(outputs, targets, torch.arange(SAMPLES)))
    before = other.compute()
    mine.merge(other)
    mine.update(outputs.neg(), Batch(outputs, targets, torch.arange(SAMPLES)))
    assert same(other.compute(), before, True)


@pytest.mark.parametrize(("fresh", "outputs", "targets", "exact"), KINDS.values(), ids=KINDS)
def test_neither_an_empty_batch_nor_a_gradient_changes_anything(fresh, outputs, targets, exact):
    plain, metric = fresh(), fresh()
    plain.update(outputs, Batch(outputs, targets, torch.arange(SAMPLES)))
    metric.update(outputs[:0], Batch(outputs[:0], targets[:0], torch.arange(0)))
    metric.update(outputs.clone().requires_grad_() * 1, Batch(outputs, targets, torch.arange(SAMPLES)))
    assert same(metric.compute(), plain.compute(), exact)
    kept = [value for value in vars(metric).values() if isinstance(value, torch.Tensor)]
    kept += [tensor for value in vars(metric).values() if isinstance(value, list) for tensor in value]
    assert not any(isinstance(tensor, torch.Tensor) and tensor.requires_grad for tensor in kept)


def test_every_listed_metric_is_there():
    assert set(METRICS) == {
        "top-k",
        "confusion",
        "curves",
        "calibration",
        "multi-label",
        "loss",
        "regression",
        "segmentation",
        "boundary-f",
        "perceptual",
        "likeness",
        "code",
        "duel",
        "sample-quality",
        "noise-error",
    }
    for name in METRICS:
        assert METRICS[name].__module__.startswith("pellucid.metrics.")
        assert METRICS.summary(name)


def test_listing_imports_nothing_heavy():
    program = (
        "import sys; from pellucid.metrics import METRICS; from pellucid.tasks import TASKS; "
        "list(METRICS), list(TASKS); "
        "sys.exit(' '.join({'torch', 'numpy', 'sklearn'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")

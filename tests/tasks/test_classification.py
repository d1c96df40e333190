import math
import pickle
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import tyro
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from torch import nn

from pellucid.tasks import TASKS
from pellucid.tasks.classification import ClassificationSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError

TABLE = Preprocessing(mean=(0.0,), std=(1.0,), scale=1.0, channels="")
SINGLE_LOSSES = ["cross-entropy", "binary-cross-entropy", "focal", "mse"]


def info(
    classes: str = "abcdefg", counts: tuple[int, ...] | None = None, multilabel: bool = False
) -> DataInfo:
    counts = counts or (10,) * len(classes)
    samples = 20 if multilabel else sum(counts)
    return DataInfo(
        "things", (3,), tuple(classes), {"train": samples}, counts, TABLE, "00", multilabel=multilabel
    )


def batch(samples: int = 12, classes: int = 7) -> Batch:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, classes, (samples,), generator=generator)
    return Batch(torch.randn(samples, 3, generator=generator), labels, torch.arange(samples) + 100)


def labelled(samples: int = 12) -> Batch:
    present = (torch.rand(samples, 3, generator=torch.Generator().manual_seed(2)) < 0.4).long()
    return Batch(
        torch.randn(samples, 3, generator=torch.Generator().manual_seed(1)), present, torch.arange(samples)
    )


def evaluated(task, output, batch) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for metric in task.metrics():
        metric.update(output, batch)
        found = metric.compute()
        assert not numbers.keys() & found.keys(), "names must be unique over a task's metrics"
        numbers |= found
    return numbers


def test_metrics_of_a_single_label_task():
    task, network = ClassificationSettings().build(info()), nn.Linear(3, 7)
    output = task.forward(network, batch())
    numbers = evaluated(task, output, batch())
    averages = {"macro-precision", "macro-recall", "macro-F1", "weighted-F1"}
    assert set(numbers) == averages | {"top-1", "top-5", "ROC-AUC", "mAP", "ECE", "loss"}
    assert task.primary == ("top-1", True)
    assert numbers["top-1"] == (output.argmax(1) == batch().targets).double().mean()
    assert numbers["loss"] == pytest.approx(F.cross_entropy(output, batch().targets).item())


def test_top_5_is_for_more_than_five_classes():
    task = ClassificationSettings().build(info("abcde"))
    assert "top-5" not in evaluated(task, torch.randn(12, 5), batch(classes=5))


def test_metrics_of_a_multi_label_task():
    task = ClassificationSettings("focal").build(info("abc", (5, 9, 2), multilabel=True))
    numbers = evaluated(task, torch.randn(12, 3), labelled())
    assert set(numbers) == {
        "mAP", "ROC-AUC", "label-accuracy", "subset-accuracy", "macro-F1", "micro-F1", "loss",
    }  # fmt: skip
    assert task.primary == ("mAP", True)


@pytest.mark.parametrize("loss", SINGLE_LOSSES)
@pytest.mark.parametrize("weights", ["none", "balanced", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)])
def test_each_loss_teaches_the_separable(loss, weights):
    torch.manual_seed(0)
    task = ClassificationSettings(loss, label_smoothing=0.05, class_weights=weights).build(info())
    labels = torch.arange(70) % 7
    inputs = F.one_hot(labels, 7).float() + 0.1 * torch.randn(70, 7)
    samples = Batch(inputs, labels, torch.arange(70))
    network = nn.Linear(7, 7)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    (objective,) = task.objectives()
    for _ in range(60):
        optimiser.zero_grad()
        sum(objective.loss(network, samples).values()).backward()
        optimiser.step()
    output = task.forward(network, samples).detach()
    assert evaluated(task, output, samples)["top-1"] == 1.0
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own


@pytest.mark.parametrize("loss", SINGLE_LOSSES)
def test_the_loss_is_linear_in_the_mixture_of_targets_except_mse(loss):
    """Mixup's soft target is λ of one label and 1 − λ of the other, and so is the loss."""
    task = ClassificationSettings(loss).build(info())
    logits, one = torch.randn(12, 7), batch().targets
    other = one.roll(1)
    mixed = 0.3 * F.one_hot(one, 7) + 0.7 * F.one_hot(other, 7)
    parts = 0.3 * task.criterion(logits, one) + 0.7 * task.criterion(logits, other)
    result = task.criterion(logits, mixed)
    assert result.item() <= parts.item() + 1e-6
    assert (result.item() == pytest.approx(parts.item(), rel=1e-5)) == (loss != "mse")


@pytest.mark.parametrize("loss", SINGLE_LOSSES)
def test_a_sample_counts_by_the_weight_of_its_class(loss):
    weights = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    task = ClassificationSettings(loss, class_weights=weights).build(info())
    plain = ClassificationSettings(loss).build(info())
    logits, labels = torch.randn(12, 7), batch().targets
    each = [plain.criterion(logits[i : i + 1], labels[i : i + 1]) * weights[labels[i]] for i in range(12)]
    assert task.criterion(logits, labels).item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)


def test_balanced_weights_are_scikit_learns():
    counts = (40, 10, 3)
    task = ClassificationSettings(class_weights="balanced").build(info("abc", counts))
    labels = [name for name, count in zip("abc", counts, strict=True) for _ in range(count)]
    assert task.weights == pytest.approx(
        compute_class_weight("balanced", classes=np.array(list("abc")), y=labels)
    )


def test_balanced_weights_of_labels_are_scikit_learns_for_each_label():
    present = torch.zeros(20, 3, dtype=torch.long)
    for label, count in enumerate((5, 9, 2)):
        present[:count, label] = 1
    data = info("abc", (5, 9, 2), multilabel=True)
    task = ClassificationSettings("binary-cross-entropy", class_weights="balanced").build(data)
    logits = torch.randn(20, 3)
    terms = F.binary_cross_entropy_with_logits(logits, present.float(), reduction="none").numpy()
    weights = [compute_sample_weight("balanced", present[:, label]) for label in range(3)]
    expected = sum((terms[:, label] * weights[label]).mean() for label in range(3)) / 3
    assert task.criterion(logits, present).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("counts", "multilabel", "words"),
    [
        ((4, 0, 3), False, "'b' has no training"),
        ((4, 20, 3), True, "'b' has every training"),
        ((4, 0, 3), True, "'b'"),
    ],
)
def test_balanced_needs_samples(counts, multilabel, words):
    settings = ClassificationSettings("focal", class_weights="balanced")
    with pytest.raises(InputError, match=words):
        settings.build(info("abc", counts, multilabel))


def test_label_smoothing_spreads_over_classes_or_over_present_and_absent():
    logits, labels = torch.randn(12, 7), batch().targets
    for loss in SINGLE_LOSSES:
        rows = 0.8 * F.one_hot(labels, 7) + 0.2 / 7
        plain, smooth = (ClassificationSettings(loss, label_smoothing=e).build(info()) for e in (0.0, 0.2))
        assert smooth.criterion(logits, labels).item() == pytest.approx(plain.criterion(logits, rows).item())
    task = ClassificationSettings("binary-cross-entropy", label_smoothing=0.2)
    result = task.build(info("abc", (5, 9, 2), multilabel=True)).criterion(logits[:, :3], labelled().targets)
    rows = labelled().targets.float().mul(0.8).add(0.1)
    expected = F.binary_cross_entropy_with_logits(logits[:, :3], rows)
    assert result.item() == pytest.approx(expected.item())


Outputs = namedtuple("Outputs", ["logits", "aux_logits2", "aux_logits1"])


class WithAuxiliary(nn.Module):
    """Answers like torchvision's GoogLeNet: a named tuple while training, None for a head that is off."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.main, self.others = nn.Linear(3, 7), nn.ModuleList(nn.Linear(3, 7) for _ in range(heads))

    def forward(self, x):
        if not self.training:
            return self.main(x)
        others = [other(x) for other in self.others]
        return Outputs(self.main(x), *others, *[None] * (2 - len(others)))


@pytest.mark.parametrize("heads", [0, 1, 2])
def test_auxiliary_heads_count_three_tenths(heads):
    task, network, samples = ClassificationSettings().build(info()), WithAuxiliary(heads), batch()
    losses = task.loss(network, samples)
    others = [F.cross_entropy(head(samples.inputs), samples.targets).item() for head in network.others]
    assert losses["loss"].item() == pytest.approx(
        F.cross_entropy(network.main(samples.inputs), samples.targets).item()
    )
    if heads:
        assert losses["auxiliary"].item() == pytest.approx(0.3 * sum(others))
    else:
        assert set(losses) == {"loss"}
    training = task.forward(network, samples)
    assert torch.equal(training, task.forward(network.eval(), samples))
    assert set(task.loss(network, samples)) == {"loss"}


def test_a_network_that_answers_with_something_else():
    class Talkative(nn.Module):
        def forward(self, x):
            return {"out": x}

    with pytest.raises(InputError, match=r"must give a tensor .* got dict"):
        ClassificationSettings().build(info()).loss(Talkative(), batch())


def test_the_loss_is_computed_in_float32():
    task = ClassificationSettings().build(info())
    logits = torch.randn(12, 7).bfloat16()
    result = task.criterion(logits, batch().targets)
    assert result.dtype == torch.float32
    assert torch.equal(result, F.cross_entropy(logits.float(), batch().targets))
    assert task.probe(logits, batch()).dtype == torch.float32


def test_decode_gives_the_five_most_probable_classes():
    task = ClassificationSettings().build(info())
    logits = torch.tensor([[0.0, 3, 1, 2, -1, -2, 5]])
    (record,) = task.decode(logits, Batch(logits, torch.tensor([0]), torch.tensor([42])))
    assert record.index == 42
    assert record.labels == ("g", "b", "d", "c", "a")
    assert record.probabilities == pytest.approx(sorted(logits.softmax(1)[0].tolist(), reverse=True)[:5])


def test_decode_gives_every_label_of_multi_label_data():
    data = info("abcdefg", (5,) * 7, multilabel=True)
    task = ClassificationSettings("binary-cross-entropy").build(data)
    logits = torch.tensor([[0.0, 3, 1, 2, -1, -2, 5]])
    (record,) = task.decode(logits, Batch(logits, logits > 0, torch.tensor([7])))
    assert record.labels == tuple("gbdcaef")
    assert record.probabilities[0] == pytest.approx(1 / (1 + math.exp(-5)))


@pytest.mark.parametrize("loss", SINGLE_LOSSES)
def test_probe_gives_probabilities_that_add_up_to_1(loss):
    task = ClassificationSettings(loss).build(info())
    torch.testing.assert_close(task.probe(torch.randn(5, 7) * 30, batch(5)).sum(dim=1), torch.ones(5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "hinge"}, "loss must be one of cross-entropy"),
        ({"label_smoothing": 1.0}, "from 0 to below 1, got 1.0"),
        ({"label_smoothing": -0.1}, "from 0 to below 1"),
        ({"label_smoothing": math.nan}, "from 0 to below 1"),
        ({"focal_gamma": -1.0}, "focal_gamma must be 0 or a positive number"),
        ({"focal_gamma": math.inf}, "focal_gamma"),
        ({"class_weights": "equal"}, "none, balanced or one number per class"),
        ({"class_weights": (1.0, -1.0)}, "≥ 0 and not all 0"),
        ({"class_weights": (0.0, 0.0)}, "≥ 0 and not all 0"),
    ],
)
def test_settings_out_of_range(options, words):
    with pytest.raises(InputError, match=words):
        ClassificationSettings(**options)


def test_data_that_do_not_fit():
    settings = ClassificationSettings()
    assert settings.outputs(info()) == 7
    with pytest.raises(InputError, match="only values; train it with the recipe table-mlp"):
        settings.outputs(replace(info(), classes=(), class_counts=()))
    with pytest.raises(InputError, match="one class only, 'a'"):
        settings.outputs(info("a"))
    assert ClassificationSettings("focal").outputs(info("a", (5,), multilabel=True)) == 1
    with pytest.raises(InputError, match="needs 7 numbers, one for each class of things, got 2"):
        ClassificationSettings(class_weights=(1.0, 2.0)).build(info())
    for loss in ("cross-entropy", "mse"):
        with pytest.raises(InputError, match=f"{loss} needs exactly one; use --task.loss"):
            ClassificationSettings(loss).build(info("abc", (5, 9, 2), multilabel=True))
    with pytest.raises(InputError, match="check the number of classes of data and network"):
        ClassificationSettings("focal").build(info()).criterion(torch.randn(4, 7), torch.rand(4, 6))


def test_settings_come_from_the_command_line():
    assert TASKS["classification"] is ClassificationSettings
    parsed = tyro.cli(ClassificationSettings, args=["--class-weights", "1", "2.5", "--loss", "focal"])
    assert parsed == ClassificationSettings("focal", class_weights=(1.0, 2.5))
    assert tyro.cli(ClassificationSettings, args=["--class-weights", "balanced"]).class_weights == "balanced"

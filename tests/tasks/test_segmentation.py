import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid.ops import segmentation_losses as losses
from pellucid.tasks.classification import ClassificationSettings
from pellucid.tasks.regression import RegressionSettings
from pellucid.tasks.segmentation import SegmentationSettings
from pellucid.tasks.segmentation_views import telling
from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID, DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation

PLAIN = Preprocessing((0.5,) * 3, (0.2,) * 3)
INFO = DataInfo(
    *("scenes", (3, 16, 20), ("sky", "road", "car"), {"train": 9}, (60, 30, 10), PLAIN, "00"), label_maps=True
)


class Network(nn.Module):
    """Side outputs of half and a quarter of the size in training, as deep supervision has them."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, outputs, 3, padding=1)

    def forward(self, x):
        logits = self.layer(x)
        return (logits, F.avg_pool2d(logits, 2), None, F.avg_pool2d(logits, 4)) if self.training else logits


def batch(samples: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(samples)
    targets = torch.randint(0, 3, (samples, 16, 20), generator=generator).to(torch.uint8)
    targets[0, :4] = VOID
    return Batch(torch.randn(samples, 3, 16, 20, generator=generator), targets, torch.arange(samples) + 10)


def test_side_outputs_are_enlarged_and_weighed():
    task, network, samples = SegmentationSettings().build(INFO), Network(), batch()
    found = task.loss(network, samples)
    main, half, _, quarter = network(samples.inputs)
    torch.testing.assert_close(found["loss"], losses.cross_entropy(main, samples.targets))
    sides = [F.interpolate(each, (16, 20), mode="bilinear") for each in (half, quarter)]
    expected = 0.4 * sum(losses.cross_entropy(each, samples.targets) for each in sides)
    torch.testing.assert_close(found["auxiliary"], expected)
    assert found.keys() == {"loss", "auxiliary"}
    alone = SegmentationSettings(auxiliary=0).build(INFO).loss(network, samples)
    assert alone.keys() == {"loss"}


@pytest.mark.parametrize("loss", ["cross-entropy+dice", "cross-entropy+boundary", "focal+dice", "lovasz"])
def test_losses_are_added(loss):
    settings = SegmentationSettings(loss=loss, boundary=0.05)
    logits, targets = Network().eval()(batch().inputs), batch().targets
    parts = [
        replace(settings, loss="cross-entropy").build(INFO)._term(name, logits, targets)
        for name in loss.split("+")
    ]
    torch.testing.assert_close(settings.build(INFO).criterion(logits, targets), sum(parts))


def test_border_weights_raise_the_loss_between_regions():
    targets = torch.zeros(1, 16, 20, dtype=torch.uint8)
    targets[0, 4:12, 2:9] = targets[0, 4:12, 10:17] = 1
    logits = torch.zeros(1, 3, 16, 20)
    logits[0, 1, 4:12, 9] = 5.0  # wrong in the gap
    plain, bordered = (SegmentationSettings(border=w).build(INFO).criterion(logits, targets) for w in (0, 10))
    assert bordered > 1.5 * plain


def test_class_weights():
    median = SegmentationSettings(class_weights="median").build(INFO).weights
    assert median == pytest.approx((0.5, 1.0, 3.0))
    log = SegmentationSettings(class_weights="log").build(INFO).weights
    assert log == pytest.approx([1 / math.log(1.02 + share) for share in (0.6, 0.3, 0.1)])
    with pytest.raises(InputError, match="needs 3 numbers"):
        SegmentationSettings(class_weights=(1.0, 2.0)).build(INFO)
    with pytest.raises(InputError, match="'car' has no training pixel"):
        SegmentationSettings(class_weights="median").build(replace(INFO, class_counts=(5, 5, 0)))


def test_spare_outputs_are_never_said():
    settings = SegmentationSettings(spare=2)
    assert settings.outputs(INFO) == 5
    network = Network(5).eval()
    with torch.no_grad():
        network.layer.bias[3:] = 99
    output = settings.build(INFO).forward(network, batch())
    assert output.shape == (4, 3, 16, 20)


def test_tiles_give_the_same_answer():
    whole, tiled = (SegmentationSettings(tile=tile, overlap=2).build(INFO) for tile in (0, 10))
    network, samples = Network().eval(), batch()
    torch.testing.assert_close(whole.forward(network, samples), tiled.forward(network, samples))


def test_records_say_shares_and_hold_the_map():
    task, samples = SegmentationSettings().build(INFO), batch()
    output = task.forward(Network().eval(), samples)
    for index, (record, logits) in enumerate(zip(task.decode(output, samples), output, strict=True)):
        assert record.index == 10 + index
        np.testing.assert_array_equal(record.label_map, logits.argmax(0))
        assert sum(record.shares) == pytest.approx(1)
        assert record.numbers()["shares"].keys() == {"sky", "road", "car"}
        assert record.pictures()["mask"] is record.label_map
        assert f"{100 * max(record.shares):.1f} %" in str(record).split(",")[0]


def test_what_is_kept_of_each_picture():
    task, samples = SegmentationSettings().build(INFO), batch()
    output = task.forward(Network().eval(), samples)
    probed = task.probe(output, samples).view(4, 3, 3)
    assert probed.sum((1, 2)).tolist() == [12 * 20, 320, 320, 320]
    shown = task.exhibits(torch.zeros_like(output), samples)
    assert (shown["doubt"] == 255).all()
    assert torch.equal(shown["true"], samples.targets)
    sure = task.exhibits(100 * F.one_hot(samples.targets.long() % 3, 3).permute(0, 3, 1, 2).float(), samples)
    assert (sure["doubt"] == 0).all()
    for metric in task.metrics():
        metric.update(output, samples)
        pickle.dumps(metric)


def test_the_worst_pictures_are_told_first():
    matrices = np.zeros((20, 2, 2), np.float32)
    for picture in range(20):
        matrices[picture] = [[picture + 1, 20 - picture], [0, 9]]
    evaluation = Evaluation(
        "test", 1, {}, np.arange(20) + 100, np.empty(0), matrices.reshape(20, 4).astype(np.float32)
    )
    chosen = telling(evaluation)
    assert chosen[:5] == [100, 101, 102, 103, 104]
    assert chosen[5:] == [108, 109, 110]


def test_data_and_task_have_to_fit():
    classes = replace(INFO, label_maps=False)
    with pytest.raises(InputError, match="no label maps"):
        SegmentationSettings().build(classes)
    with pytest.raises(InputError, match="a class for every pixel"):
        ClassificationSettings().build(INFO)
    with pytest.raises(InputError, match="not values"):
        RegressionSettings().build(INFO)
    with pytest.raises(InputError, match="one class only"):
        SegmentationSettings().build(replace(INFO, classes=("sky",)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"loss": "mse"}, "loss must be one of"),
        ({"tversky_alpha": 2.0}, "from 0 to 1"),
        ({"border_sigma": 0.0}, "positive"),
        ({"tile": 64, "overlap": 32}, "cannot overlap"),
        ({"class_weights": "balanced"}, "none, median, log"),
        ({"class_weights": (0.0, 0.0, 0.0)}, "not all 0"),
        ({"auxiliary": -1.0}, "auxiliary must be 0"),
    ],
)
def test_wrong_settings_are_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        SegmentationSettings(**wrong)


def test_networks_that_do_not_fit_are_refused():
    task, samples = SegmentationSettings().build(INFO), batch()
    with pytest.raises(InputError, match=r"logits \(samples, 3, height, width\).*got \(4, 2, 16, 20\)"):
        task.forward(Network(2).eval(), samples)
    with pytest.raises(InputError, match=r"one answer for each pixel"):
        task.forward(nn.Conv2d(3, 3, 3), samples)
    with pytest.raises(InputError, match=r"got \(4, 3\)"):
        task.forward(nn.Sequential(nn.Flatten(), nn.Linear(960, 3)), samples)

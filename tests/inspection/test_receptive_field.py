"""Receptive fields of known networks, against published numbers and arithmetic by hand."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pellucid.inspection.effective_field import effective_receptive_field
from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.trace import trace
from pellucid.models.naming import build_on_meta
from pellucid.types.errors import InputError


def fields(model: nn.Module, side: int = 224) -> dict[str, ReceptiveField]:
    """By the address of the call, of its first output."""
    run = trace(model, [torch.empty(1, 3, side, side, device="meta")])
    found = receptive_fields(run)
    return {call.address: found[call.outputs[0]] for call in run.calls}


# Sizes by Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", Distill 2019,
# and by its recurrence r ← r + (k − 1)·stride for torchvision's networks, which halve in other places.
KNOWN = [
    ("resnet50", "layer1", 35, 4),
    ("resnet50", "layer2", 91, 8),
    ("resnet50", "layer3", 267, 16),
    ("resnet50", "layer4", 427, 32),
    ("resnet18", "layer4", 435, 32),
    ("vgg16", "features.29", 196, 16),
    ("vgg16", "features.30", 212, 32),
    ("alexnet", "features.12", 195, 32),
    ("wide-resnet50-2", "layer4", 427, 32),
    ("cifar-resnet20", "layer1", 15, 1),
]


@pytest.mark.parametrize(("name", "layer", "size", "stride"), KNOWN)
def test_known_sizes(name: str, layer: str, size: int, stride: int) -> None:
    field = fields(build_on_meta(name, inputs=(3, 224, 224), outputs=10))[layer]
    assert (field.size, field.stride) == ((size, size), (stride, stride))
    assert field.status == "exact"


def test_the_widest_branch_counts() -> None:
    found = fields(build_on_meta("googlenet", inputs=(3, 224, 224), outputs=10))
    before, after = found["maxpool2"].size[0], found["inception3a"].size[0]
    assert after == before + (5 - 1) * 8  # the 5×5 of a map that is an eighth as large


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 1, 1), (3, 2, 0, 2), (5, 3, 2, 1)]
)
def test_windows_of_one_convolution(kernel: int, stride: int, padding: int, dilation: int) -> None:
    layer = nn.Conv2d(3, 2, kernel, stride=stride, padding=padding, dilation=dilation)
    field = fields(layer, 20)[""]
    size = dilation * (kernel - 1) + 1
    assert (field.size, field.stride) == ((size, size), (stride, stride))
    for i in range(3):
        low = stride * i - padding
        assert field.window(i, 1)[0::2] == (low, low + size)
        assert field.offset is not None
        assert field.offset[0] + stride * i == (2 * low + size) / 2
    assert field.window(0, 0, clipped=True)[0] >= 0


def test_two_small_windows_are_one_large() -> None:
    two = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    one = nn.Conv2d(3, 4, 5)
    assert fields(two, 16)[""] == fields(one, 16)[""]


def test_transformers_see_patches_then_everything() -> None:
    found = fields(torchvision.models.vit_b_16())
    assert found["conv_proj"].size == (16, 16)
    assert found["conv_proj"].status == "exact"
    assert found["encoder.layers.encoder_layer_0.ln_1"].size == (16, 16)
    assert found["encoder.layers.encoder_layer_0"].status == "whole image"


def test_swin_sees_its_window() -> None:
    found = fields(torchvision.models.swin_t())
    assert found["features.1.0.attn"].size == (28, 28)  # seven patches of four pixels
    assert found["features.1.0.attn"].window(0, 0) == (0, 0, 28, 28)


def test_squeeze_and_excitation_sees_everything() -> None:
    plain, gated = (
        fields(build_on_meta(name, inputs=(3, 64, 64), outputs=10), 64)["layer1.0"]
        for name in ("resnet18", "se-resnet18")
    )
    assert plain.status == "exact"
    assert gated.status == "whole image"


class Picks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.topk(x.flatten(2), 3, dim=2).values


def test_what_values_decide_is_said() -> None:
    assert fields(Picks(), 8)[""].status.startswith("data-dependent")


def test_an_input_without_axes_is_refused() -> None:
    run = trace(nn.Linear(3, 2), [torch.empty(1, 3)])
    with pytest.raises(InputError, match="N, C"):
        receptive_fields(run)


def test_the_effective_field_is_narrower_than_the_theoretical() -> None:
    """Luo et al. 2016: of a stack of equal averages it is nearly Gaussian, its variance n (k² − 1) / 12."""
    layers = [nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(8)]
    model = nn.Sequential(*layers)
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / 9)
    found = effective_receptive_field(model, "7", torch.zeros(1, 1, 41, 41))
    assert found.centre == pytest.approx((20.5, 20.5))
    assert found.influence.sum() == pytest.approx(1)
    # Squares of a Gaussian's values have half its variance: 8 · (9 − 1) / 12 / 2.
    assert found.deviation[0] ** 2 == pytest.approx(8 * 8 / 12 / 2, rel=0.1)
    seen = found.influence.nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [17, 17]

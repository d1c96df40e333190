"""The layer table against arithmetic by hand and published counts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from pellucid.inspection.layer_table import LayerTable, layer_table


def table(model: nn.Module, *shapes: tuple[int, ...]) -> LayerTable:
    return layer_table(model, [torch.empty(shape, device="meta") for shape in shapes])


def test_the_two_layers_of_the_notes() -> None:
    """k′(k·h² + 1) weights; multiplications for every pixel of every map, the bias left out."""
    model = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(64, 64, 5, padding=2))
    first, _, second = table(model, (1, 3, 128, 128)).rows[1:]
    assert first.parameters == 64 * (3 * 3**2 + 1) == 64 * 28
    assert second.parameters == 64 * (64 * 5**2 + 1) == 64 * 1601
    assert first.multiply_adds == 128 * 128 * 27 * 64
    assert second.multiply_adds == 64 * 64 * 1600 * 64
    # The notes count the bias as one more product: one for each output.
    assert first.multiply_adds + first.bias_additions == 128 * 128 * 28 * 64
    assert second.multiply_adds + second.bias_additions == 64 * 64 * 1601 * 64


def test_small_windows_take_fewer_weights() -> None:
    c = 8
    two = nn.Sequential(*(nn.Conv2d(c, c, 3, padding=1, bias=False) for _ in range(2)))
    one = nn.Conv2d(c, c, 5, padding=2, bias=False)
    assert table(two, (1, c, 9, 9)).total.parameters == 18 * c**2
    assert table(one, (1, c, 9, 9)).total.parameters == 25 * c**2
    narrow = nn.Sequential(
        nn.Conv2d(4 * c, c, 1, bias=False),
        nn.Conv2d(c, c, 3, padding=1, bias=False),
        nn.Conv2d(c, 4 * c, 1, bias=False),
    )
    assert table(narrow, (1, 4 * c, 9, 9)).total.parameters == 17 * c**2


@pytest.mark.parametrize(
    ("stride", "padding", "extra", "dilation"), [(1, 0, 0, 1), (2, 1, 1, 2), (3, 2, 2, 3)]
)
def test_the_size_a_transposed_convolution_gives(
    stride: int, padding: int, extra: int, dilation: int
) -> None:
    layer = nn.ConvTranspose2d(
        4, 6, 3, stride=stride, padding=padding, output_padding=extra, dilation=dilation
    )
    (row,) = table(layer, (1, 4, 7, 7)).rows
    side = (7 - 1) * stride - 2 * padding + dilation * (3 - 1) + extra + 1
    assert row.outputs == ((1, 6, side, side),)
    assert row.multiply_adds == 4 * 7 * 7 * 6 * 9


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.conv(self.conv(x)), self.conv.weight)


def test_a_layer_used_twice_is_two_rows_and_its_weights_count_once() -> None:
    found = table(Twice(), (1, 4, 8, 8))
    assert [row.address for row in found.rows] == ["", "conv", "conv#1", ":conv2d"]
    assert [row.again for row in found.rows] == [False, False, True, False]
    assert found.total.parameters == 4 * (4 * 9 + 1)
    assert found.rows[1].multiply_adds == found.rows[2].multiply_adds == 4 * 4 * 9 * 64
    assert found.rows[3].multiply_adds == 4 * 4 * 9 * 36  # a function of the network's own
    assert found.total.multiply_adds == 2 * 4 * 4 * 9 * 64 + 4 * 4 * 9 * 36


class Attends(nn.Module):
    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2


class Uncountable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Own.apply(torch.cdist(x, x))


def test_attention_by_hand() -> None:
    found = table(Attends(), (2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 6))
    assert found.total.multiply_adds == 2 * 3 * 5 * 7 * (8 + 6)


def test_multi_head_attention_by_hand() -> None:
    layer = nn.MultiheadAttention(8, 2, kdim=6, vdim=10, batch_first=True).eval()
    found = table(layer, (3, 5, 8), (3, 7, 6), (3, 7, 10))
    projections = 3 * (5 * 8 * 8 + 7 * 6 * 8 + 7 * 10 * 8)
    attention, out = 2 * 3 * 5 * 7 * 8, 3 * 5 * 8 * 8
    assert found.total.multiply_adds == projections + attention + out


def test_recurrent_layers_by_hand() -> None:
    found = table(nn.LSTM(4, 6, num_layers=2, bidirectional=True), (9, 2, 4))
    weights = 2 * 4 * 6 * (4 + 6) + 2 * 4 * 6 * (12 + 6)
    assert found.total.multiply_adds == 9 * 2 * weights


def test_what_cannot_be_counted_is_listed() -> None:
    """A function without a formula, and what a function of the user's own does out of sight."""
    found = table(nn.Sequential(Uncountable()), (1, 5, 3)).uncounted
    assert found["cdist"] == ("0",)
    assert table(nn.ReLU(), (1, 5)).uncounted == {}


PUBLISHED = ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "inception_v3", "vit_b_16"]
SLOW = [name for name in torchvision.models.list_models(module=torchvision.models) if name not in PUBLISHED]


@pytest.mark.parametrize("name", [*PUBLISHED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_multiply_adds_are_those_that_torchvision_publishes(name: str) -> None:
    """Within 0.1 %, and the rounding of what is published to millions."""
    weights = next(iter(torchvision.models.get_model_weights(name)))
    side = weights.transforms().crop_size[0]
    options: dict[str, object] = {"image_size": side} if name.startswith("vit") else {}
    options |= {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    options |= {"aux_logits": False} if name == "googlenet" else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        model = torchvision.models.get_model(name, weights=None, **options)
    found = table(model, (1, 3, side, side))
    published = weights.meta["_ops"] * 1e9
    assert found.total.multiply_adds == pytest.approx(published, abs=max(0.001 * published, 0.5001e6))
    assert not found.uncounted

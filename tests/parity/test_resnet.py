"""Residual networks against torchvision's, timm's and published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torchvision
from timm.layers import SEModule
from timm.models.resnet import BasicBlock as TimmBasicBlock
from timm.models.resnet import Bottleneck as TimmBottleneck
from timm.models.resnet import ResNet as TimmResNet
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck as TheirBottleneck
from torchvision.models.resnet import ResNet as TheirResNet

from pellucid.blocks.squeeze_excite import SqueezeExcite
from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.resnet import PUBLISHED, VARIANTS, BasicBlock, Bottleneck, ResNet, stage

SIZES = ((64, 64), (47, 70))

COUNTS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50-32x4d": 25_028_904,
    "resnext101-32x8d": 88_791_336,
    "resnext101-64x4d": 83_455_272,
    "wide-resnet50-2": 68_883_240,
    "wide-resnet101-2": 126_886_696,
    "se-resnet18": 11_778_592,
    "se-resnet34": 21_958_868,
    "se-resnet50": 28_088_024,
    "se-resnet101": 49_326_872,
    "se-resnet152": 66_821_848,
    "se-resnext50-32x4d": 27_559_896,
    "se-resnext101-32x4d": 48_955_416,
}
PLAIN = [name for name in COUNTS if not name.startswith("se-")]
DEEP_EXCITED = [name for name in COUNTS if name.startswith("se-") and name[-2:] not in ("18", "34")]

# Multiply-adds of one picture of 224 × 224, in thousand millions, as torchvision publishes them.
COSTS = {"resnet18": 1.814, "resnet50": 4.089, "resnext50-32x4d": 4.23, "wide-resnet50-2": 11.398}

# The bottlenecks of our families, as ours and as torchvision's name them.
BOTTLENECKS = {
    "resnet": ({}, {}),
    "resnext": ({"narrowing": 2, "groups": 32}, {"groups": 32, "width_per_group": 4}),
    "wide": ({"narrowing": 2}, {"width_per_group": 128}),
}
DEPTHS = (2, 1, 1, 1)


def theirs_by_name(source: str) -> nn.Module:
    library, name = source.split("/")
    return torchvision.models.get_model(name) if library == "torchvision" else timm.create_model(name)


def build(name: str) -> nn.Module:
    return VARIANTS[name](inputs=(3, 224, 224), outputs=1000)


def small(**options: object) -> ResNet:
    block = partial(Bottleneck, **options)
    return ResNet(block=block, depths=DEPTHS, widths=(256, 512, 1024, 2048), channels=3, outputs=9)


def empty(make: Callable[..., nn.Module], *args: object, **options: object) -> nn.Module:
    """A network that waits for weights, which spares drawing some."""
    with torch.device("meta"):
        return make(*args, **options).to_empty(device="cpu")


def test_every_variant_is_counted() -> None:
    assert COUNTS.keys() == VARIANTS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_published_counts_and_weights(name: str) -> None:
    with torch.device("meta"):
        ours = build(name)
        assert parameter_count(ours) == COUNTS[name]
        shapes = {key: value.shape for key, value in ours.state_dict().items()}
        for source, rename in PUBLISHED.get(name, {}).items():
            theirs = theirs_by_name(source).state_dict()
            assert {rename(key): value.shape for key, value in theirs.items()} == shapes, source


@pytest.mark.parametrize("name", COSTS)
def test_published_costs(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    assert multiply_adds(model, (3, 224, 224)) == pytest.approx(COSTS[name] * 1e9, abs=0.0005e9)


def test_what_is_published() -> None:
    assert [name for name, sources in PUBLISHED.items() if len(sources) == 2] == PLAIN
    assert PUBLISHED["se-resnext50-32x4d"].keys() == {"timm/seresnext50_32x4d"}
    for sources in PUBLISHED.values():
        for source in sources:
            library, name = source.split("/")
            if library == "timm":
                assert timm.is_model_pretrained(name), name
            else:
                assert torchvision.models.get_model_weights(name), name


def test_resnet18_is_torchvisions(check_same: Callable[..., None]) -> None:
    check_same(empty(build, "resnet18"), torchvision.models.resnet18(), SIZES)


@pytest.mark.parametrize("family", BOTTLENECKS)
def test_bottlenecks_are_torchvisions(family: str, check_same: Callable[..., None]) -> None:
    options, their_options = BOTTLENECKS[family]
    check_same(empty(small, **options), TheirResNet(TheirBottleneck, DEPTHS, 9, **their_options), SIZES)


@pytest.mark.parametrize(
    ("options", "their_options"),
    [({}, {}), ({"narrowing": 2, "groups": 32}, {"cardinality": 32, "base_width": 4})],
)
def test_excited_bottlenecks_are_timms(
    options: dict[str, int], their_options: dict[str, int], check_same: Callable[..., None]
) -> None:
    excited = {"block_args": {"attn_layer": "se"}}
    theirs = TimmResNet(TimmBottleneck, DEPTHS, num_classes=9, **their_options, **excited)
    check_same(empty(small, **options, attach=SqueezeExcite), theirs, SIZES)


@pytest.mark.parametrize(
    ("name", "depths"),
    [("se-resnet18", (2, 2, 2, 2)), pytest.param("se-resnet34", (3, 4, 6, 3), marks=pytest.mark.slow)],
)
def test_excited_basic_blocks_are_timms(
    name: str, depths: tuple[int, ...], check_same: Callable[..., None]
) -> None:
    """timm's `seresnet18` rounds the squeezed units up to 8, and is told not to here."""
    excited = {"attn_layer": partial(SEModule, rd_divisor=1)}
    check_same(empty(build, name), TimmResNet(TimmBasicBlock, depths, block_args=excited), SIZES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN[1:])
def test_deep_ones_are_torchvisions(name: str, check_same: Callable[..., None]) -> None:
    check_same(empty(build, name), torchvision.models.get_model(name.replace("-", "_")), SIZES, batch=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50-32x4d", "wide-resnet50-2"])
def test_published_ones_are_timms(name: str, check_same: Callable[..., None]) -> None:
    check_same(empty(build, name), timm.create_model(name.replace("-", "_")), SIZES, batch=4)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP_EXCITED)
def test_deep_excited_ones_are_timms(name: str, check_same: Callable[..., None]) -> None:
    theirs = timm.create_model(name.replace("se-", "se").replace("-", "_"))
    check_same(empty(build, name), theirs, SIZES, batch=4)


def test_initial_weights_are_torchvisions() -> None:
    torch.manual_seed(0)
    mine = build("resnet18").state_dict()
    for name, value in torchvision.models.resnet18().state_dict().items():
        if value.ndim < 2 and not name.startswith("fc"):
            assert torch.equal(mine[name], value), name
        else:
            # The standard error of a standard deviation of n values is about 1 / √(2n).
            off = float(mine[name].std() / value.std()) - 1
            assert abs(off) < 6 / math.sqrt(value.numel()), name
            assert abs(float(mine[name].mean())) < 6 * float(value.std()) / math.sqrt(value.numel()), name


def test_a_bottleneck_halves_the_map_in_its_3x3_convolution() -> None:
    block = Bottleneck(64, 128, 2)
    assert [conv.stride for conv in (block.conv1, block.conv2, block.conv3)] == [(1, 1), (2, 2), (1, 1)]
    assert block(torch.randn(2, 64, 7, 10)).shape == (2, 128, 4, 5)


def test_a_bottleneck_has_17_c_squared_weights() -> None:
    """And two 3×3 convolutions of c channels have 18 c², for a quarter of the channels that pass."""
    bottleneck, basic = Bottleneck(4 * 48, 4 * 48, 1), BasicBlock(48, 48, 1)
    weights = [
        sum(m.weight.numel() for m in b.modules() if isinstance(m, nn.Conv2d)) for b in (bottleneck, basic)
    ]
    assert weights == [17 * 48**2, 18 * 48**2]


class Halve(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_anything_can_be_attached_to_a_residual(block: type[nn.Module]) -> None:
    torch.manual_seed(0)
    asked: list[int] = []

    def halving(channels: int) -> nn.Module:
        asked.append(channels)
        return Halve()

    plain, halved = block(16, 32, 2).eval(), block(16, 32, 2, attach=halving).eval()
    halved.load_state_dict(plain.state_dict())
    x = torch.randn(2, 16, 9, 6)
    kept = plain.downsample(x)
    seen = [torch.empty(0)]
    (plain.bn3 if block is Bottleneck else plain.bn2).register_forward_hook(
        lambda module, args, output: seen.append(output)
    )
    plain(x)
    assert asked == [32]
    torch.testing.assert_close(halved(x), (kept + seen[-1] / 2).relu())


def test_without_attachment_there_is_no_trace_of_it() -> None:
    with torch.device("meta"):
        plain, excited = build("resnet50"), build("se-resnet50")
    assert [module for module in plain.modules() if isinstance(module, SqueezeExcite)] == []
    assert not [name for name, _ in plain.named_modules() if "se" in name.split(".")]
    gates = [module for module in excited.modules() if isinstance(module, SqueezeExcite)]
    assert len(gates) == 16
    assert parameter_count(excited) - parameter_count(plain) == sum(parameter_count(gate) for gate in gates)


def test_a_stage_changes_the_shape_once() -> None:
    blocks = stage(BasicBlock, 3, inputs=8, outputs=16, stride=2)
    assert [isinstance(block.downsample, nn.Identity) for block in blocks] == [False, True, True]
    assert blocks(torch.randn(2, 8, 6, 9)).shape == (2, 16, 3, 5)

"""SENet-154 against timm's, and squeeze-and-excitation by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.senet import SEBottleneck
from timm.models.senet import SENet as TimmSENet
from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import SqueezeExcite
from pellucid.inspection.cost import parameter_count
from pellucid.models.senet import PUBLISHED, VARIANTS, SENet, renamed

SIZES = ((64, 64), (47, 70))


def build(size: int = 224) -> nn.Module:
    return VARIANTS["senet154"](inputs=(3, size, size), outputs=1000)


def by_name(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {renamed(name): value for name, value in state.items()}


def test_count_and_names_are_timms() -> None:
    with torch.device("meta"):
        ours, theirs = build(), timm.create_model("legacy_senet154")
    assert parameter_count(ours) == 115_088_984
    assert {name: value.shape for name, value in by_name(theirs.state_dict()).items()} == {
        name: value.shape for name, value in ours.state_dict().items()
    }
    assert PUBLISHED["senet154"] == {"timm/legacy_senet154": renamed}
    assert timm.is_model_pretrained("legacy_senet154")


def test_results_are_timms_small(check_same: Callable[..., None]) -> None:
    theirs = TimmSENet(
        SEBottleneck,
        (2, 1, 1, 1),
        groups=64,
        reduction=16,
        inplanes=128,
        input_3x3=True,
        downsample_kernel_size=3,
        downsample_padding=1,
        num_classes=9,
    )
    with torch.device("meta"):  # it waits for weights, which spares drawing some
        ours = SENet(depths=(2, 1, 1, 1), channels=3, outputs=9).to_empty(device="cpu")
    check_same(ours, theirs, SIZES, renamed=by_name)


@pytest.mark.slow
def test_results_are_timms(check_same: Callable[..., None]) -> None:
    check_same(build(), timm.create_model("legacy_senet154"), SIZES, renamed=by_name, batch=4)


def test_smallest_picture() -> None:
    with torch.device("meta"):
        model = SENet(depths=(1, 1, 1, 1), channels=3, outputs=9)
        assert model(torch.empty(2, 3, 3, 3)).shape == (2, 9)
    with pytest.raises(ValueError, match="3 × 3"):
        build(2)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.integers(1, 40),
    squeezed=st.integers(1, 6) | st.none(),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_squeeze_and_excitation_by_hand(
    channels: int, squeezed: int | None, height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    gate = SqueezeExcite(channels, squeezed=squeezed)
    hidden = squeezed or max(1, channels // 16)
    assert parameter_count(gate) == 2 * channels * hidden + channels + hidden
    x = torch.randn(2, channels, height, width)
    for picture, weighed in zip(x, gate(x), strict=True):
        z = picture.mean((1, 2))
        s = (gate.fc1.weight.flatten(1) @ z + gate.fc1.bias).clamp(min=0)
        factors = 1 / (1 + torch.exp(-(gate.fc2.weight.flatten(1) @ s + gate.fc2.bias)))
        torch.testing.assert_close(weighed, picture * factors[:, None, None])

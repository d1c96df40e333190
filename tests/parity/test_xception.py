"""Xception against timm's `legacy_xception`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.models.xception import PUBLISHED, VARIANTS, Block


def build(size: int = 299, outputs: int = 1000) -> nn.Module:
    return VARIANTS["xception"](inputs=(3, size, size), outputs=outputs)


def by_name(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    rename = PUBLISHED["xception"]["timm/legacy_xception"]
    return {rename(name): value for name, value in state.items()}


def test_counts_and_weights_are_timms() -> None:
    with torch.device("meta"):
        ours, theirs = build(), timm.create_model("legacy_xception")
    assert sum(parameter.numel() for parameter in ours.parameters()) == 22_855_952
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    assert shapes == {name: value.shape for name, value in by_name(theirs.state_dict()).items()}
    assert len(shapes) == len(theirs.state_dict())


def test_results_are_timms(check_same: Callable[..., None]) -> None:
    theirs = timm.create_model("legacy_xception", num_classes=7, drop_rate=0.5)
    check_same(build(outputs=7), theirs, ((64, 64), (71, 85)), renamed=by_name)


@pytest.mark.slow
def test_results_at_the_papers_size_are_timms(check_same: Callable[..., None]) -> None:
    theirs = timm.create_model("legacy_xception", drop_rate=0.5)
    check_same(build(), theirs, ((299, 299), (160, 203)), renamed=by_name)


def test_initial_weights_are_timms() -> None:
    torch.manual_seed(0)
    ours, theirs = build().state_dict(), by_name(timm.create_model("legacy_xception").state_dict())
    for name, value in ours.items():
        if value.numel() > 4000:
            assert float(value.std() / theirs[name].std()) == pytest.approx(1, abs=0.05), name
            assert abs(float(value.mean())) < 0.05 * float(value.std()), name
        elif ".bn" in name:
            assert torch.equal(value, theirs[name]), name


def test_a_block_leaves_its_input_to_the_shortcut() -> None:
    """What is added to a block of the middle flow is its input, not the rectified one."""
    block = Block((8, 8, 8, 8)).eval()
    nn.init.zeros_(block.body.bn3.weight)
    x = torch.randn(2, 8, 5, 5)
    before = x.clone()
    assert torch.equal(block(x), before)
    assert torch.equal(x, before)


def test_the_first_block_alone_begins_without_rectification() -> None:
    with torch.device("meta"):
        model = build()
    first = {name: next(iter(b.body)) for name, b in model.named_modules() if isinstance(b, Block)}
    assert len(first) == 12
    assert [name for name, layer in first.items() if not isinstance(layer, nn.ReLU)] == ["entry.0"]


def test_smallest_picture() -> None:
    model = build(7).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 7, 7)).shape == (1, 1000)
    with pytest.raises(ValueError, match="7 × 7"):
        build(6)

"""Inception-ResNet v2 against timm's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import SqueezeExcite
from pellucid.models.inception_resnet_v2 import PUBLISHED, VARIANTS, Block, block17

PARAMETERS = 55_843_464


def build(name: str = "inception-resnet-v2", size: int = 299, outputs: int = 1000) -> nn.Module:
    return VARIANTS[name](inputs=(3, size, size), outputs=outputs)


def by_name(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    rename = PUBLISHED["inception-resnet-v2"]["timm/inception_resnet_v2"]
    return {rename(name): value for name, value in state.items()}


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_counts_and_weights_are_timms() -> None:
    with torch.device("meta"):
        ours, theirs = build(), timm.create_model("inception_resnet_v2")
    assert count(ours) == PARAMETERS
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    assert shapes == {name: value.shape for name, value in by_name(theirs.state_dict()).items()}
    assert len(shapes) == len(theirs.state_dict())


def test_results_are_timms(check_same: Callable[..., None]) -> None:
    theirs = timm.create_model("inception_resnet_v2", num_classes=7, drop_rate=0.2)
    check_same(build(outputs=7), theirs, ((107, 107), (96, 123)), renamed=by_name)


@pytest.mark.slow
def test_results_at_the_papers_size_are_timms(check_same: Callable[..., None]) -> None:
    theirs = timm.create_model("inception_resnet_v2", drop_rate=0.2)
    check_same(build(), theirs, ((299, 299), (160, 203)), renamed=by_name)


def test_initial_weights_are_timms() -> None:
    """PyTorch's own: uniform up to 1 / √(inputs of a unit)."""
    torch.manual_seed(0)
    ours = build().state_dict()
    theirs = by_name(timm.create_model("inception_resnet_v2").state_dict())
    for name, value in ours.items():
        if value.ndim > 1 and value.numel() > 4000:
            assert float(value.std() / theirs[name].std()) == pytest.approx(1, abs=0.05), name
            assert float(value.max()) == pytest.approx(value[0].numel() ** -0.5, rel=0.01), name
        elif ".bn." in name:
            assert torch.equal(value, theirs[name]), name


def test_smallest_picture() -> None:
    model = build(size=75).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 75, 75)).shape == (1, 1000)
    with pytest.raises(ValueError, match="75 × 75"):
        build(size=74)


def test_squeeze_and_excitation_is_on_every_residual() -> None:
    with torch.device("meta"):
        gated, plain = build("se-inception-resnet-v2"), build()
    groups = [(320, 10), (1088, 20), (2080, 10)]
    gates = sum(times * (2 * c * (c // 16) + c // 16 + c) for c, times in groups)
    assert count(gated) == PARAMETERS + gates == 64_387_444
    assert plain.state_dict().keys() < gated.state_dict().keys()
    blocks = [module for module in gated.modules() if isinstance(module, Block)]
    assert [isinstance(block.residual[-1], SqueezeExcite) for block in blocks] == [True] * 40


def test_half_open_gates_halve_the_residual() -> None:
    torch.manual_seed(0)
    gated, plain = block17(SqueezeExcite).eval(), block17(None).eval()
    plain.load_state_dict(gated.state_dict(), strict=False)
    nn.init.zeros_(gated.residual.se.fc2.weight)
    nn.init.zeros_(gated.residual.se.fc2.bias)
    plain.scale = gated.scale / 2
    x = torch.randn(2, 1088, 5, 4)
    torch.testing.assert_close(gated(x), plain(x))

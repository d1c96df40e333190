"""DenseNet against torchvision's, timm's, and counts by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from pellucid.models.densenet import PUBLISHED, VARIANTS, DenseNet, SqueezeExcite, renamed

COUNTS = {
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}


def build(name: str, size: int = 224) -> nn.Module:
    return VARIANTS[name](inputs=(3, size, size), outputs=1000)


def by_name(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {renamed(name): value for name, value in state.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_weights_are_torchvisions(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = build(name), getattr(torchvision.models, name)()
    assert sum(parameter.numel() for parameter in ours.parameters()) == COUNTS[name]
    shapes = [(key, value.shape) for key, value in ours.state_dict().items()]
    assert shapes == [(key, value.shape) for key, value in theirs.state_dict().items()]


@pytest.mark.parametrize("name", COUNTS)
def test_published_weights_fit(name: str) -> None:
    with torch.device("meta"):
        ours = build(name).state_dict()
        theirs = {
            f"torchvision/{name}": torchvision.models.get_model(name).state_dict(),
            f"timm/{name}": timm.create_model(name).state_dict(),
        }
    assert PUBLISHED[name].keys() == theirs.keys()
    for source, rename in PUBLISHED[name].items():
        assert {rename(key) for key in theirs[source]} == ours.keys()


def test_names_of_the_published_files_are_understood() -> None:
    with torch.device("meta"):
        names = list(build("densenet121").state_dict())
    old = [re.sub(r"(denselayer\d+\.\w+?)([12])\.", r"\1.\2.", name) for name in names]
    assert "features.denseblock4.denselayer16.norm.2.running_var" in old
    assert "features.denseblock1.denselayer1.conv.1.weight" in old
    assert [renamed(name) for name in old] == names


def test_results_are_torchvisions_small(check_same: Callable[..., None]) -> None:
    theirs = torchvision.models.DenseNet(8, (2, 3, 2, 2), 16, num_classes=7)
    ours = DenseNet(depths=(2, 3, 2, 2), growth=8, channels=3, outputs=7)
    check_same(ours, theirs, ((64, 64), (75, 61)), renamed=by_name)


def test_results_are_torchvisions(check_same: Callable[..., None]) -> None:
    check_same(build("densenet121"), torchvision.models.densenet121(), ((64, 64), (75, 61)), renamed=by_name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COUNTS.keys() - {"densenet121"}))
def test_results_of_the_larger_are_torchvisions(name: str, check_same: Callable[..., None]) -> None:
    theirs = torchvision.models.get_model(name)
    check_same(build(name), theirs, ((128, 128), (97, 111)), renamed=by_name)


@pytest.mark.slow
def test_results_are_timms(check_same: Callable[..., None]) -> None:
    check_same(build("densenet121"), timm.create_model("densenet121"), ((128, 128), (97, 111)))


def test_initial_weights_are_torchvisions() -> None:
    torch.manual_seed(0)
    ours = build("densenet121").state_dict()
    theirs = torchvision.models.densenet121().state_dict()
    for name, value in ours.items():
        if value.ndim < 2:
            if name != "classifier.bias":
                assert torch.equal(value, theirs[name]), name
        elif value.numel() > 4000:
            assert float(value.std() / theirs[name].std()) == pytest.approx(1, abs=0.1), name
            assert abs(float(value.mean())) < 0.1 * float(value.std()), name
    assert not ours["classifier.bias"].any()


def test_smallest_picture() -> None:
    model = build("densenet121", 29).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 29, 29)).shape == (1, 1000)
    with pytest.raises(ValueError, match="29 × 29"):
        build("densenet121", 28)


def test_a_layer_gives_its_input_and_behind_it_what_it_adds() -> None:
    layer = DenseNet(depths=(1,), growth=4, channels=3, outputs=2).features.denseblock1.denselayer1
    x = torch.randn(2, 8, 5, 7)
    before = x.clone()
    y = layer(x)
    assert y.shape == (2, 12, 5, 7)
    assert torch.equal(y[:, :8], before)
    assert torch.equal(x, before)


def test_squeeze_and_excitation_ends_each_stage() -> None:
    """256, 512, 1024 and 1024 channels leave the blocks, half as many the transitions."""
    with torch.device("meta"):
        gated, plain = build("se-densenet121"), build("densenet121")
    ends = [256, 128, 512, 256, 1024, 512, 1024]
    gates = sum(2 * c * (c // 16) + c // 16 + c for c in ends)
    counts = [sum(parameter.numel() for parameter in model.parameters()) for model in (gated, plain)]
    assert counts[0] == COUNTS["densenet121"] + gates == 8_328_912
    assert plain.state_dict().keys() < gated.state_dict().keys()
    stages = [stage for stage in gated.features if isinstance(stage, nn.Sequential)]
    assert [stage[-1].fc1.in_channels for stage in stages] == ends
    assert all(isinstance(stage[-1], SqueezeExcite) for stage in stages)


def test_open_gates_leave_densenet() -> None:
    torch.manual_seed(0)
    plain = DenseNet(depths=(2, 2), growth=8, channels=3, outputs=5).eval()
    gated = DenseNet(depths=(2, 2), growth=8, channels=3, outputs=5, attach=SqueezeExcite).eval()
    x = torch.randn(2, 3, 40, 33)
    missing, unexpected = gated.load_state_dict(plain.state_dict(), strict=False)
    assert missing
    assert not unexpected
    assert all(".se." in name for name in missing)
    assert not torch.allclose(gated(x), plain(x), atol=1e-3)
    for stage in gated.features:
        if isinstance(stage, nn.Sequential):
            nn.init.constant_(stage.se.fc2.bias, 100.0)
    torch.testing.assert_close(gated(x), plain(x))

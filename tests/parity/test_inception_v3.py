"""Inception v3 against torchvision's and timm's; with squeeze-and-excitation against one put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.inception_v3 import VARIANTS, InceptionV3

WIDTHS = {
    "Mixed_5b": 256,
    "Mixed_5c": 288,
    "Mixed_5d": 288,
    "Mixed_6a": 768,
    "Mixed_6b": 768,
    "Mixed_6c": 768,
    "Mixed_6d": 768,
    "Mixed_6e": 768,
    "Mixed_7a": 1280,
    "Mixed_7b": 2048,
    "Mixed_7c": 2048,
}


def build(name: str = "inception-v3", outputs: int = 9) -> InceptionV3:
    return VARIANTS[name](inputs=(3, 299, 299), outputs=outputs)


def torchvisions(outputs: int = 9) -> torchvision.models.Inception3:
    model = torchvision.models.inception_v3(weights=None, num_classes=outputs, init_weights=False)
    model.dropout.p = 0.5
    return model


def with_any_size(model: nn.Module) -> nn.Module:
    """torchvision's small classifier trains on 299 × 299 or more only; this one stands in for it."""
    model.AuxLogits = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(768, 9))
    return model


def test_costs_and_names_are_torchvisions() -> None:
    with torch.device("meta"):
        ours, theirs = build(outputs=1000), torchvisions(1000)
    assert parameter_count(ours) == 27_161_264
    assert parameter_count(ours) - parameter_count(ours.AuxLogits) == 23_834_568
    assert multiply_adds(ours, (3, 299, 299)) == pytest.approx(5.713e9, abs=0.0005e9)
    shapes = [(key, tensor.shape) for key, tensor in ours.state_dict().items()]
    assert shapes == [(key, tensor.shape) for key, tensor in theirs.state_dict().items()]


def test_is_torchvisions(check_same: Callable[..., None]) -> None:
    torch.manual_seed(0)
    check_same(with_any_size(build()), with_any_size(torchvisions()), ((107, 107), (110, 141)), batch=3)


@pytest.mark.slow
def test_is_torchvisions_with_its_small_classifier(check_same: Callable[..., None]) -> None:
    torch.manual_seed(0)
    check_same(build(), torchvisions(), ((299, 299), (310, 352)))


def test_small_classifier_is_torchvisions() -> None:
    torch.manual_seed(0)
    ours, theirs = build().AuxLogits, torchvisions().AuxLogits
    ours.load_state_dict(theirs.state_dict())
    for shape in ((17, 17), (17, 23), (26, 19)):
        x = torch.rand(3, 768, *shape)
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_is_timms() -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("inception_v3", num_classes=9)
    theirs.train()(torch.randn(4, 3, 107, 107))  # moves the running statistics
    ours = build()
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not unexpected
    assert {name.split(".")[0] for name in missing} == {"AuxLogits"}
    for size in ((75, 75), (118, 107)):
        x = torch.randn(2, 3, *size)
        with torch.inference_mode():
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


def test_starts_as_torchvisions() -> None:
    torch.manual_seed(0)
    ours = build().state_dict()
    theirs = torchvision.models.inception_v3(weights=None, num_classes=9, init_weights=True).state_dict()
    for name, weight in theirs.items():
        noise = 5 / weight.numel() ** 0.5
        torch.testing.assert_close(
            ours[name].float().std(correction=0), weight.float().std(correction=0), rtol=noise, atol=1e-6
        )


def test_squeeze_and_excitation_follows_each_block(check_same: Callable[..., None]) -> None:
    torch.manual_seed(0)
    ours, theirs = with_any_size(build("se-inception-v3")), with_any_size(torchvisions())
    for name, width in WIDTHS.items():
        gate = SqueezeExcitation(width, width // 16)
        setattr(theirs, name, nn.Sequential(theirs.get_submodule(name), gate))

    def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        def ours(name: str) -> str:
            return name.replace(".0.", ".", 1).replace(".1.", ".attached.", 1) if "Mixed" in name else name

        return {ours(name): tensor for name, tensor in state.items()}

    check_same(ours, theirs, ((107, 115),), renamed=renamed, batch=3)


def test_gates_are_all_that_squeeze_and_excitation_adds() -> None:
    with torch.device("meta"):
        plain, gated = build(outputs=1000), build("se-inception-v3", outputs=1000)
    gates = sum(2 * width * (width // 16) + width // 16 + width for width in WIDTHS.values())
    assert parameter_count(gated) == 27_161_264 + gates == 28_822_884
    assert plain.state_dict().keys() == {n for n in gated.state_dict() if ".attached." not in n}

"""U-Nets on classifiers: what is taken of them, and whose weights they begin with."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from pellucid.models.backbone import are_of_backbone, load_backbone
from pellucid.models.naming import build_model, gives_maps
from pellucid.models.pyramid import Pyramid
from pellucid.models.weights import Weights
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import ModelSettings, check_fits, transfer
from pellucid.types.errors import InputError

SHAPE = (3, 64, 64)


def weights_of(name: str) -> Weights:
    torch.manual_seed(3)
    model = build_model(name, inputs=SHAPE, outputs=10)
    return Weights(model.state_dict(), name)


def built(name: str, outputs: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, inputs=SHAPE, outputs=outputs)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("resnet50", {1: 64, 2: 256, 3: 512, 4: 1024, 5: 2048}),
        ("vgg16", {0: 64, 1: 128, 2: 256, 3: 512, 4: 512, 5: 512}),
        ("cifar-resnet8", {0: 16, 1: 32, 2: 64}),
        ("timm/convnext_atto", {2: 40, 3: 80, 4: 160, 5: 320}),
        ("googlenet-bn", {1: 64, 2: 192, 3: 480, 4: 832, 5: 1024}),
    ],
)
def test_the_last_map_of_each_resolution(name: str, levels: dict[int, int]) -> None:
    with torch.device("meta"):
        found = Pyramid(build_model(name, inputs=SHAPE, outputs=10), 3, name=name)
    assert {level.level: level.channels for level in found.levels} == levels


def test_maps_are_those_of_timm() -> None:
    """timm's own features of a residual network, with the same weights."""
    torch.manual_seed(0)
    backbone = timm.create_model("resnet18", num_classes=10).eval()
    theirs = timm.create_model("resnet18", features_only=True).eval()
    theirs.load_state_dict({k: v for k, v in backbone.state_dict().items() if not k.startswith("fc.")})
    x = torch.randn(1, 3, 64, 96)
    pyramid = Pyramid(backbone, 3, name="resnet18")
    with torch.no_grad():
        for mine, reference in zip(pyramid.maps_of(backbone, x), theirs(x), strict=True):
            torch.testing.assert_close(mine, reference)


@pytest.mark.parametrize("name", ["mlp", "torchvision/vit_b_16", "torchvision/swin_t", "enet"])
def test_what_has_no_maps_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name) as raised, torch.device("meta"):
        build_model(f"unet/{name}", inputs=SHAPE, outputs=2)
    assert "\n" not in str(raised.value)


def test_copies_and_threads_keep_their_maps_apart() -> None:
    model = built("unet/cifar-resnet8").eval()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    pictures = torch.randn(8, 1, 3, 32, 32)
    expected = [(model(x), twin(x)) for x in pictures]
    assert not torch.equal(*expected[0])
    found: dict[int, list[Tensor]] = {}

    def run(which: int, network: nn.Module) -> None:
        with torch.no_grad():
            found[which] = [network(x) for x in pictures]

    threads = [threading.Thread(target=run, args=(at, (model, twin)[at % 2])) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for which, outputs in found.items():
        for output, pair in zip(outputs, expected, strict=True):
            assert torch.equal(output, pair[which % 2])


@pytest.mark.parametrize(
    ("network", "classifier"),
    [
        ("unet/resnet18", "resnet18"),
        ("unet/resnet18", "torchvision/resnet18"),
        ("unet/torchvision/mobilenet_v3_small", "torchvision/mobilenet_v3_small"),
        ("deeplabv3plus-resnet18", "torchvision/resnet18"),
        pytest.param("segnet", "torchvision/vgg16_bn", marks=pytest.mark.slow),
        pytest.param("fcn8s-512", "vgg16", marks=pytest.mark.slow),
    ],
)
def test_a_classifiers_weights_begin_the_network(network: str, classifier: str) -> None:
    model, weights = built(network), weights_of(classifier)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert load_backbone(model, weights)
    after = model.state_dict()
    for name, tensor in after.items():
        if name.startswith(model.adopts):
            own = name.removeprefix("backbone.")
            assert torch.equal(tensor, weights.state[own]), name
        else:
            assert torch.equal(tensor, before[name]), name


@pytest.mark.slow
def test_dense_layers_slide() -> None:
    """FCN with VGG-16's weights says at the picture's centre what VGG-16 says of the picture."""
    with torch.no_grad():
        weights = weights_of("vgg16")
        model, vgg = built("fcn32s", outputs=2).eval(), build_model("vgg16", inputs=SHAPE, outputs=10).eval()
        vgg.load_state_dict(weights.state)
        load_backbone(model, weights)
        x = torch.randn(1, 3, 224, 224)
        maps = model.dense(model.features(x))
        torch.testing.assert_close(maps[0, :, 3, 3], vgg.classifier[:-1](vgg.flatten(vgg.features(x)))[0])


def test_a_networks_own_weights_are_no_classifiers() -> None:
    for name in ("unet/cifar-resnet8", "deeplabv3plus-resnet18"):
        model = built(name)
        whole = Weights(built(name).state_dict(), name)
        assert not load_backbone(model, whole)
        assert not are_of_backbone(whole, name)
    assert are_of_backbone(weights_of("cifar-resnet8"), "unet/cifar-resnet8")


def test_the_recipe_takes_them_over() -> None:
    model, weights = built("unet/cifar-resnet8"), weights_of("cifar-resnet8")
    transfer(model, ModelSettings("unet/cifar-resnet8", weights="x"), weights, SHAPE, 4)
    assert torch.equal(model.backbone.conv1.weight, weights.state["conv1.weight"])


def test_another_classifiers_weights_are_told_apart() -> None:
    with pytest.raises(
        InputError, match=r"resnet34 does not hold the weights .* unexpected: backbone.layer1.2"
    ):
        load_backbone(built("unet/resnet18"), weights_of("resnet34"))
    with pytest.raises(InputError, match="does not hold the weights of this UNetOnBackbone"):
        transfer(
            built("unet/resnet18"),
            ModelSettings("unet/resnet18", weights="x"),
            weights_of("lenet5"),
            SHAPE,
            4,
        )


def test_which_networks_give_maps() -> None:
    assert gives_maps("unet-bn-16")
    assert gives_maps("unet/torchvision/resnet18")
    assert gives_maps("resnet18") is False
    assert gives_maps("torchvision/resnet18") is False
    assert gives_maps("nets.py:unet") is None


def test_a_network_of_the_wrong_kind_is_refused_in_a_sentence() -> None:
    recipe = replace(find_recipe("resnet18"), model=ModelSettings("unet/resnet18"))
    with pytest.raises(
        InputError, match="gives a class for every pixel, but classification asks for numbers"
    ):
        check_fits(recipe)
    check_fits(find_recipe("resnet18"))


def test_pyramids_stay_when_files_are_read(tmp_path: Path) -> None:
    model, twin = built("unet/cifar-resnet8").eval(), built("unet/cifar-resnet8").eval()
    torch.save(model.state_dict(), tmp_path / "it.pt")
    twin.load_state_dict(torch.load(tmp_path / "it.pt", weights_only=True))
    x = torch.randn(1, 3, 20, 20)
    assert torch.equal(model(x), twin(x))

"""Where methods look: the layer that is chosen, on networks of many kinds, and tokens laid out as a grid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from pellucid.explain.cam import cam
from pellucid.explain.cam_gradient import grad_cam, layer_cam
from pellucid.explain.cam_score import ablation_cam
from pellucid.explain.layers import layers_of
from pellucid.explain.looking import look
from pellucid.explain.target import class_logit, likeliest
from pellucid.explain.target_detection import detection
from pellucid.inspection.layout import Layout
from pellucid.types.errors import InputError

EXPECTED = {
    "torchvision/resnet18": ("layer4", "2 × 3"),
    "torchvision/squeezenet1_0": ("features", "3 × 5"),
    "torchvision/densenet121": (":relu", "2 × 3"),  # its last rectifier is a function
    "torchvision/mobilenet_v3_small": ("features", "2 × 3"),
    "torchvision/convnext_tiny": ("features", "2 × 3"),
    "torchvision/swin_t": ("norm", "2 × 3"),
    "timm/convnext_atto": ("stages", "2 × 3"),
    "timm/vit_tiny_patch16_224": ("blocks.11.norm1", "4 × 6 tokens after 1 further"),
    "timm/deit_tiny_distilled_patch16_224": ("blocks.11.norm1", "4 × 6 tokens after 2 further"),
    "timm/vit_small_patch16_dinov3": ("norm", "4 × 6 tokens after 5 further"),  # averages its patches
    "timm/swin_tiny_patch4_window7_224": ("norm", "2 × 3"),
}


def said(layout: Layout) -> str:
    rows, columns = layout.grid
    before = f" tokens after {layout.prefix} further" if layout.tokens else ""
    return f"{rows} × {columns}{before}"


def network(name: str) -> nn.Module:
    library, _, name = name.partition("/")
    if library == "torchvision":
        return getattr(torchvision.models, name)()
    options = {"img_size": (64, 96)} if "vit" in name or "deit" in name or "swin" in name else {}
    return timm.create_model(name, pretrained=False, num_classes=7, **options)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_layer_is_chosen(name: str) -> None:
    torch.manual_seed(0)
    model = network(name)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):  # some heads begin at zero, on which nothing depends
            nn.init.normal_(layer.weight, std=0.05)
    seen = look(model, torch.randn(1, 3, 64, 96))
    assert (seen.layers[0].address, said(seen.layers[0].layout)) == EXPECTED[name]
    assert seen.activations[0].shape == seen.gradients[0].shape
    assert bool(seen.gradients[0].flatten(1).any(1).all())


def test_patch_tokens_after_the_last_attention_have_no_say(vit: nn.Module, pictures: Tensor) -> None:
    """What a plausible choice gives: nothing at all, and it is said."""
    assert layers_of(vit, pictures, likeliest())[0].address == "encoder.layers.encoder_layer_1.ln_1"
    assert grad_cam(vit, pictures, layer="encoder.layers.encoder_layer_1.ln_2").empty == (True,) * 3
    assert grad_cam(vit, pictures, layer="encoder.ln").empty == (True,) * 3


def test_tokens_lie_row_by_row(vit: nn.Module, pictures: Tensor) -> None:
    seen = look(vit, pictures, gradients=False, layer="encoder.dropout")
    patches = vit.conv_proj(pictures) + vit.encoder.pos_embedding[0, 1:].T.reshape(16, 4, 4)
    torch.testing.assert_close(seen.activations[0], patches.detach())
    maps = seen.activations[0]
    whole = torch.cat([torch.zeros(3, 1, 16), maps.flatten(2).transpose(1, 2)], 1)
    layout = seen.layers[0].layout
    torch.testing.assert_close(layout.values(layout.maps(whole), whole), whole)


def test_a_layer_that_is_no_map_is_refused_with_another(averaged: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(
        InputError, match=r"fc gives 5 channels without.*body is the last layer that is a map"
    ):
        grad_cam(averaged, pictures, layer="fc")
    with pytest.raises(InputError, match="no layer or operation is called 'boddy'; did you mean 'body"):
        grad_cam(averaged, pictures, layer="boddy")
    with pytest.raises(InputError, match=r"relu ran 2 times: #0 to #1; got relu#2"):
        grad_cam(averaged, pictures, layer="relu#2")
    with pytest.raises(InputError, match="has no layer that is still a map"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(768, 3)), pictures)


def test_the_calls_of_a_module_used_twice_are_two_layers(averaged: nn.Module, pictures: Tensor) -> None:
    one, two = (look(averaged, pictures, layer=name) for name in ("relu", "relu#1"))
    assert (one.layers[0].address, two.layers[0].address) == ("relu", "relu#1")
    torch.testing.assert_close(one.gradients[0], 2 * two.gradients[0])


def test_another_structure_is_looked_at_anew(pictures: Tensor) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    assert look(model, pictures).layers[0].address == "1"
    model[1] = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3), nn.GELU())
    assert look(model, pictures).layers[0].address == "1"
    assert look(model, pictures).activations[0].shape == (3, 4, 12, 12)


def test_a_detector_s_box() -> None:
    torch.manual_seed(0)
    model = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=64, box_score_thresh=0.0
    ).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        found = model(x)[0]
    box, label = tuple(found["boxes"][0].tolist()), int(found["labels"][0])
    heatmap = layer_cam(model, x, detection(box, label), layer=["backbone.body.13", "backbone.body.16"])
    assert heatmap.scores["target"][0] >= float(found["scores"][0]) - 1e-5
    assert not heatmap.empty[0]
    assert not grad_cam(model, x, detection(box, label)).empty[0]


def test_several_threads_see_only_themselves(averaged: nn.Module, pictures: Tensor) -> None:
    expected = [grad_cam(averaged, pictures, class_logit(number)).values for number in range(5)]

    def right(turn: int) -> bool:
        found = grad_cam(averaged, pictures, class_logit(turn % 5)).values
        return torch.equal(found, expected[turn % 5])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(36)))


def test_segmentation_s_dict_of_outputs(pictures: Tensor) -> None:
    class Segments(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = self.head(self.body(x).relu())
            return {"out": y, "aux": -y}

    found = grad_cam(Segments(), pictures)
    assert found.layers == (":relu",)  # the head gives the classes' scores
    assert all("where it is said" in target for target in found.targets)
    assert "'out' is taken for its answer" in found.notes[0]


class Dense(nn.Module):
    """As DenseNet ends: its last rectifier is a function that works in place, so no module gives its map."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))
        self.classifier = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.relu(self.features(x), inplace=True)
        out: Tensor = self.classifier(y.mean((2, 3)))
        return out


def test_operations_are_layers(pictures: Tensor) -> None:
    model = Dense().eval()
    rectified = model.features(pictures).relu().detach()
    weights = model.classifier.weight[2].detach()
    expected = (weights[:, None, None] * rectified).sum(1)
    found = cam(model, pictures, class_logit(2))  # which needs what the classifier averages
    assert found.layers == (":relu",)
    torch.testing.assert_close(found.values, expected)
    named = grad_cam(model, pictures, class_logit(2), layer=":relu")
    torch.testing.assert_close(named.values, expected / rectified[0, 0].numel())


@pytest.mark.parametrize("batch", [1, 32])
def test_a_channel_of_an_operation_is_ablated(pictures: Tensor, batch: int) -> None:
    model = Dense().eval()
    rectified = model.features(pictures).relu().detach()
    losses = model.classifier.weight[1].detach() * rectified.mean((2, 3))
    expected = (losses[:, :, None, None] * rectified).sum(1)
    found = ablation_cam(model, pictures, class_logit(1), batch=batch)
    torch.testing.assert_close(found.values, expected, rtol=1e-3, atol=1e-5)


def test_an_operation_that_does_not_exist(pictures: Tensor) -> None:
    with pytest.raises(InputError, match="no operation is called ':rely'; did you mean ':relu'"):
        grad_cam(Dense(), pictures, layer=":rely")
    with pytest.raises(InputError, match=r"a map is of all channels of a layer: name :relu, not :relu\[3\]"):
        grad_cam(Dense(), pictures, layer=":relu[3]")


def test_a_map_s_gradient_goes_no_deeper_than_its_layer(pictures: Tensor) -> None:
    """What lies before the layer is not paid for, nor can it spoil the map."""

    class Wall(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, gradient: Tensor) -> Tensor:
            raise AssertionError("went on behind the layer")

    class Walled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.body, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc(self.body(Wall.apply(self.stem(x))).relu().mean((2, 3)))
            return out

    assert not any(grad_cam(Walled(), pictures, class_logit(1), layer="body").empty)
    with pytest.raises(AssertionError, match="went on"):
        grad_cam(Walled(), pictures, class_logit(1), layer="stem")


def test_two_calls_of_one_layer_at_once(averaged: nn.Module, pictures: Tensor) -> None:
    both = look(averaged, pictures, layer=("relu#1", "relu")).gradients
    for found, name in zip(both, ("relu#1", "relu"), strict=True):
        torch.testing.assert_close(found, look(averaged, pictures, layer=name).gradients[0])

"""Maps of networks that put the picture on a larger canvas: the heat lies where the evidence is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torchvision
from tests.explain.networks import Small, pictures
from torch import Tensor, nn

from pellucid.blocks.canvas import Canvas, ZeroCanvas
from pellucid.blocks.upsample import UPSAMPLINGS
from pellucid.explain.cam_gradient import grad_cam, hires_cam
from pellucid.explain.cam_score import score_cam
from pellucid.explain.full_grad import full_grad
from pellucid.explain.guided_grad_cam import guided_grad_cam
from pellucid.explain.looking import look
from pellucid.explain.placing import frames
from pellucid.explain.target import class_logit, region
from pellucid.inspection.keeping import key_of
from pellucid.inspection.receptive_field import receptive_fields
from pellucid.inspection.trace import trace
from pellucid.models import MODELS
from pellucid.models.deconvnet import DeconvNet
from pellucid.models.fcn import FCN
from pellucid.models.segnet import SegNet
from pellucid.models.unet import MirrorCanvas, UNet, plain
from pellucid.models.unet_on_backbone import UNetOnBackbone
from pellucid.types.address import Address

SIZES = [(33, 47), (40, 56)]
ONES = (1, 1, 1, 1, 1)


def registered(name: str) -> nn.Module:
    return MODELS[name](inputs=(3, 32, 32), outputs=2)


def small_valid() -> nn.Module:
    block, up = partial(plain, padding=0), UPSAMPLINGS["transposed-2"]
    return UNet(block=block, upsampling=up, canvas=MirrorCanvas, width=4, dropout=0.0, channels=3, outputs=2)


def on_resnet() -> nn.Module:
    return UNetOnBackbone(registered("resnet18"), name="resnet18", channels=3, outputs=2)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "unet": (lambda: registered("unet-8"), "merge.2"),
    "unet-se": (lambda: registered("unet-se-8"), "merge.2"),
    "unet-unpooling": (lambda: registered("unet-bn-16-unpooling"), "merge.2"),
    "unet-valid": (small_valid, "merge.2"),
    "unet/resnet18": (on_resnet, "up.3"),
    "mnet": (lambda: registered("mnet-8"), "merge.2"),
    "fcn": (lambda: FCN(stride=8, width=8, channels=3, outputs=2), "skips.1"),
    "segnet": (lambda: SegNet(depths=ONES, channels=3, outputs=2), "decoder.3"),
    "deconvnet": (lambda: DeconvNet(depths=ONES, width=8, channels=3, outputs=2), "decoder.3"),
    "enet": (lambda: registered("enet"), "stage5"),
}
"""Each with a layer whose units see little, so that what they say of a place lies there."""


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = NETWORKS[name][0]()
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d) and not bool(layer.weight.any()):
                nn.init.normal_(layer.weight, std=0.1)  # FCN's skips begin by adding nothing
    return model.eval()


def centre(values: Tensor, size: tuple[int, int]) -> tuple[float, float]:
    """Of the magnitudes (h, w) of a map that covers a picture, in its pixels."""
    weights = values.abs().double()
    rows, columns = ((torch.arange(n) + 0.5) * side / n for n, side in zip(values.shape, size, strict=True))
    total = float(weights.sum())
    return float((weights.sum(1) * rows).sum()) / total, float((weights.sum(0) * columns).sum()) / total


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_heat_lies_where_the_evidence_is(name: str, size: tuple[int, int]) -> None:
    """The target is said of 6 × 6 pixels in the corner that a shift moves furthest."""
    (height, width), layer = size, NETWORKS[name][1]
    mask = torch.zeros(size)
    mask[height - 8 : height - 2, width - 8 : width - 2] = 1
    model, inputs = network(name), torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    found = hires_cam(model, inputs, region(1, mask), layer=layer)
    assert found.size == size
    seen = look(model, inputs, region(1, mask), layer)
    frame = seen.layers[0].frame
    assert frame is not None
    cell = (height / frame.rows.length, width / frame.columns.length)
    down, across = centre(found.values[0], size)
    assert abs(down - (height - 5)) <= cell[0]
    assert abs(across - (width - 5)) <= cell[1]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_cells_lie_where_their_units_look(name: str, size: tuple[int, int]) -> None:
    """Every layer's, within half a cell, by which the middle of a field is off where strides are not centred,
    as a residual network's, whose deepest cells have 32 pixels; without borders, exactly.
    """
    run = trace(network(name), [torch.empty(1, 3, *size, device="meta")])
    canvas = next(call for call in run.calls if isinstance(call.module, Canvas))
    fields, checked = receptive_fields(run, of=canvas.outputs[0]), 0
    placed = frames(run)
    for address, operation in zip(run.addresses, run.operations, strict=True):
        frame, field = placed.get(key_of(Address.parse(address))), fields[operation.outputs[0]]
        if frame is None or not field.stride or not all(field.stride) or "data" in field.status:
            continue
        for side, along in enumerate((frame.rows, frame.columns)):
            cell = size[side] / along.length
            assert cell == field.stride[side]
            middle = (0.5 - along.start) * cell + canvas.module.border
            allowed = {"unet-valid": 0.0, "unet/resnet18": 16.0}.get(name, cell / 2)
            assert abs(middle - field.offset[side]) <= allowed, address
            checked += 1
    assert checked > 10 or name in ("mnet", "unet-se")  # whose gates see all of the picture


class Copying(nn.Module):
    """Gives what it is shown, from a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        super().__init__()
        self.canvas = canvas
        self.copy = nn.Conv2d(1, 1, 1, bias=False)
        self.shift = nn.Conv2d(1, 1, 1)
        for layer in (self.copy, self.shift):
            nn.init.ones_(layer.weight)
        nn.init.constant_(self.shift.bias, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        begin = self.canvas.border
        x = self.shift(self.copy(self.canvas(x)))
        return x[..., begin : begin + height, begin : begin + width]


CANVASES = [ZeroCanvas(16), MirrorCanvas()]


@pytest.mark.parametrize("canvas", CANVASES, ids=["zeros", "mirrored"])
def test_a_copy_of_the_picture_lies_on_the_picture(canvas: Canvas) -> None:
    picture = torch.rand(2, 1, 33, 47)
    model = Copying(canvas)
    seen = look(model, picture, class_logit(0), "copy")
    assert seen.activations[0].shape[-2:] > (33, 47)
    assert torch.equal(seen.combined(seen.activations[:1])[:, 0], picture[:, 0])
    found = hires_cam(model, picture, class_logit(0), layer="copy")
    assert torch.equal(found.values, picture[:, 0])


def test_what_was_cut_out_already_is_left() -> None:
    picture = torch.rand(1, 1, 33, 47)
    seen = look(nn.Sequential(Copying(ZeroCanvas(16)), nn.Conv2d(1, 2, 3, padding=1)), picture, layer="0")
    (after,) = look(Copying(ZeroCanvas(16)), picture, layer=":getitem").layers
    assert seen.layers[0].frame is None
    assert after.frame is None
    assert seen.activations[0].shape[-2:] == (33, 47)


def test_several_layers_are_each_placed() -> None:
    model, inputs = network("unet"), pictures(1, 33)
    together = hires_cam(model, inputs, class_logit(1), layer=("merge.3", "canvas"), combine="sum")
    apart = [hires_cam(model, inputs, class_logit(1), layer=each) for each in ("merge.3", "canvas")]
    assert together.values.shape == (1, 33, 33)
    torch.testing.assert_close(together.values, apart[0].values + apart[1].values)


def test_masks_lie_on_what_they_show() -> None:
    picture, shown = torch.rand(1, 1, 33, 47), []
    model = Copying(ZeroCanvas(16))
    model.register_forward_pre_hook(lambda _, given: shown.append(given[0].clone()))
    score_cam(model, picture, class_logit(0), layer="copy")
    low, high = picture.min(), picture.max()
    torch.testing.assert_close(shown[-1], picture * (picture - low) / (high - low))


def test_methods_that_join_maps_and_the_input_place_them() -> None:
    picture = torch.rand(1, 1, 33, 47)
    model = Copying(ZeroCanvas(16))
    pixels = class_logit(0)
    full = full_grad(model, picture, pixels, combine="sum")
    torch.testing.assert_close(full.values, picture[:, 0] + 0.5)  # every pixel, and the bias at it
    assert max(map(abs, full.scores["completeness error"])) < 1e-2
    model = nn.Sequential(network("unet"))
    cam = grad_cam(model, pictures(1, 33), layer="0.merge.2")
    guided = guided_grad_cam(model, pictures(1, 33), layer="0.merge.2")
    assert cam.values.shape == (1, 17, 17)
    assert guided.values.shape == (1, 33, 33)


@pytest.mark.parametrize("build", [Small, torchvision.models.resnet18], ids=["small", "resnet18"])
def test_ordinary_networks_are_left_as_they_are(build: Callable[[], nn.Module]) -> None:
    """Bit for bit what the paper's formula gives on the layer's own grid, borders and all."""
    model, inputs = build().eval(), pictures(2, 45)
    seen = look(model, inputs, class_logit(1))
    activation, gradient = seen.activations[0], seen.gradients[0]
    assert [each.frame for each in seen.layers] == [None]
    expected = (gradient.mean((2, 3), keepdim=True) * activation).sum(1)
    assert torch.equal(grad_cam(model, inputs, class_logit(1)).values, expected)

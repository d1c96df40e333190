"""Where channels and positions are, against networks of which it is known."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.layout import Layout, layer_layouts, layout_of_shape, layouts
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.trace import trace
from pellucid.models.naming import build_model
from pellucid.types.address import Address
from pellucid.types.errors import InputError


def found(name: str, side: int) -> dict[tuple[str, int], Layout]:
    model = build_model(name, inputs=(3, side, side), outputs=5)
    return dict(layer_layouts(model, [torch.empty(2, 3, side, side, device="meta")]))


def said(name: str, side: int, layers: list[str]) -> list[str]:
    of = found(name, side)
    return [of[layer, 0].words() for layer in layers]


def test_maps_and_vectors_of_a_convolutional_network() -> None:
    of = found("torchvision/resnet18", 64)
    assert of["layer2", 0] == Layout((2, 128, 8, 8), 1, (2, 3), (8, 8))
    assert of["layer2.0:add", 0] == of["layer2", 0]
    assert of["fc", 0] == Layout((2, 5), 1, ())
    assert of["avgpool", 0].words() == "512 channels of 1 × 1"
    assert of["layer1.0.relu", 1].channel == 1


def test_tokens_lie_on_the_grid_of_the_patches_after_those_that_are_none() -> None:
    for name, prefix in (
        ("timm/vit_tiny_patch16_224", 1),
        ("timm/deit_tiny_distilled_patch16_224", 2),
        ("timm/vit_small_patch14_reg4_dinov2", 5),
    ):
        side = 518 if "dinov2" in name else 224
        of = found(name, side)
        grid = side // int(name.split("patch")[1][:2])
        block = of["blocks.3", 0]
        assert (block.channel, block.positions, block.grid, block.prefix) == (2, (1,), (grid, grid), prefix)
        assert of["patch_embed", 0].prefix == 0
        assert of["patch_embed.proj", 0].grid == (grid, grid)
        assert not of["head", 0].positions


def test_torchvision_transformers() -> None:
    block = "encoder.layers.encoder_layer_3.mlp.0"
    assert said("torchvision/vit_b_16", 224, [block]) == [
        "3,072 channels of 197 tokens (1 and a grid of 14 × 14)"
    ]


@pytest.mark.parametrize(
    ("name", "layer", "channel"),
    [
        ("torchvision/swin_t", "features.1.1.attn", 3),  # through shifted windows and back
        ("torchvision/swin_t", "features.2", 3),  # neighbours' places become channels
        ("timm/swin_tiny_patch4_window7_224", "layers.1.downsample", 3),
        ("torchvision/convnext_tiny", "features.1.0.block.3", 3),
        ("torchvision/convnext_tiny", "features.1.0.block.6", 1),
        ("torchvision/convnext_tiny", "features.1.0", 1),
    ],
)
def test_maps_with_channels_last(name: str, layer: str, channel: int) -> None:
    layout = found(name, 224)[layer, 0]
    assert (layout.channel, layout.tokens) == (channel, False)
    assert layout.grid == tuple(side for at, side in enumerate(layout.shape) if at not in (0, channel))


def test_windows_are_positions_not_a_batch() -> None:
    model = build_model("timm/swin_tiny_patch4_window7_224", inputs=(3, 224, 224), outputs=5)
    of = layer_layouts(model, [torch.empty(1, 3, 224, 224, device="meta")])
    inside = of["layers.0.blocks.0.attn.qkv", 0]
    assert (inside.channel, inside.positions, inside.grid) == (2, (0, 1), ())
    with pytest.raises(InputError, match="maps or tokens on a grid"):
        inside.maps(torch.zeros(64, 49, 288))


class Moves(nn.Module):
    """A map through operations whose result is known: where its columns go, they can be found again."""

    def __init__(self, order: list[int], flat: bool, prefix: int, roll: bool) -> None:
        super().__init__()
        self.order, self.flat, self.prefix, self.roll = order, flat, prefix, roll

    def forward(self, x: Tensor) -> Tensor:
        if self.flat:
            x = x.flatten(2).transpose(1, 2)
            extra = x.new_full((len(x), self.prefix, x.shape[2]), -1.0)
            return torch.cat([extra, x, extra], 1).roll(0, 1) if self.roll else torch.cat([extra, x], 1)
        return x.permute(0, *self.order)


@settings(deadline=None, max_examples=30)
@given(
    sides=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 5), st.integers(2, 5)),
    order=st.sampled_from([[1, 2, 3], [2, 3, 1], [2, 1, 3]]),
    flat=st.booleans(),
    prefix=st.integers(0, 3),
    roll=st.booleans(),
)
def test_values_come_back_to_their_places(
    sides: tuple[int, int, int, int], order: list[int], flat: bool, prefix: int, roll: bool
) -> None:
    x, net = torch.randn(sides), Moves(order, flat, prefix, roll)
    run = trace(net, [x])
    layout = layouts(run)[run.outputs[0]]
    values = net(x)
    assert torch.equal(layout.maps(values), x)
    assert torch.equal(layout.values(x, values), values)
    at = layout.position(1, 0)
    assert layout.place(at) == (1, 0)
    assert torch.equal(layout.arranged(values)[(slice(None), slice(None), *at)], x[:, :, 1, 0])


def test_a_real_networks_tokens_are_its_patches() -> None:
    """What a convolution gave at a place is what its token holds."""
    model = build_model("timm/vit_tiny_patch16_224", inputs=(3, 224, 224), outputs=5)
    x = torch.randn(1, 3, 224, 224)
    of = layer_layouts(model, [x])
    with evaluation_mode(model), torch.no_grad(), capture(model, ["patch_embed.proj", "patch_embed"]) as seen:
        model(x)
    made = seen.outputs["patch_embed", 0], seen.outputs["patch_embed.proj", 0]
    assert torch.equal(of["patch_embed", 0].maps(made[0]), made[1])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("layer4[600]", "layer4 has 512 channels, 0 to 511; got channel 600"),
        ("layer4[3, 9, 0]", "layer4 has 7 rows, 0 to 6; got row 9"),
        ("layer4[3, 0, 7]", "layer4 has 7 columns, 0 to 6; got column 7"),
        (
            "layer4[3, 0]",
            r"512 channels of 7 × 7: \[channel\] or \[channel, row, column\] was expected",
        ),
    ],
)
def test_an_index_that_does_not_exist(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Layout((1, 512, 7, 7), 1, (2, 3), (7, 7)).check(Address.parse(text))


def test_an_index_of_tokens_and_vectors() -> None:
    tokens = Layout((1, 197, 192), 2, (1,), (14, 14), 1)
    tokens.check(Address("blocks.0", index=(191, 196)))
    assert tokens.place((0,)) == ()
    assert tokens.place((1,)) == (0, 0)
    assert tokens.place((196,)) == (13, 13)
    with pytest.raises(InputError, match="197 tokens, 0 to 196; got token 197"):
        tokens.check(Address("blocks.0", index=(0, 197)))
    with pytest.raises(InputError, match=r"without positions: \[channel\] was expected, not \[0, 1\]"):
        Layout((1, 10), 1, ()).check(Address("fc", index=(0, 1)))


def test_what_is_usual_for_a_shape() -> None:
    assert layout_of_shape((2, 8, 5, 5)) == Layout((2, 8, 5, 5), 1, (2, 3), (5, 5))
    assert layout_of_shape((2, 50, 8)).channel == 2
    assert layout_of_shape((2, 8)).positions == ()


def test_known_layouts_follow_a_change_of_the_network_and_do_not_keep_it() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    x = torch.zeros(1, 3, 5, 5)
    first = layer_layouts(net, [x])
    assert layer_layouts(net, [x]) is first
    net[0] = nn.Conv2d(3, 6, 1)
    assert layer_layouts(net, [x])["1", 0].channels == 6
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_a_network_that_cannot_be_traced_has_no_layouts() -> None:
    assert layer_layouts(nn.Sequential(nn.LazyConv2d(4, 1)), [torch.zeros(1, 3, 4, 4)]) == {}

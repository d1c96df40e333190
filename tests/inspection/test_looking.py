"""From a network down to one unit, on one pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.looking import Looking
from pellucid.models.naming import build_model
from pellucid.types.address import Address
from pellucid.types.errors import InputError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.deep = nn.ConvTranspose2d(4, 6, 3, groups=2)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        y = self.deep(x)
        out: Tensor = self.head((y + 1).mean((2, 3)))
        return out


@pytest.fixture(scope="module")
def looking() -> Looking:
    torch.manual_seed(0)
    return Looking(Net(), torch.randn(1, 3, 12, 14))


def test_a_layer_has_its_maps_and_kernels(looking: Looking) -> None:
    layer = looking.layer("conv")
    wanted = F.conv2d(looking.picture, looking.model.conv.weight, looking.model.conv.bias, 2, 1)
    assert layer.maps is not None
    np.testing.assert_array_equal(layer.maps, wanted[0].detach().numpy())
    assert (layer.maps < 0).any()  # not what the layer in place made of it
    assert layer.kernels is not None
    np.testing.assert_array_equal(layer.kernels, looking.model.conv.weight.detach().numpy())
    assert (layer.of_picture, layer.words) == (True, "4 channels of 6 × 7")


def test_pictures_in_another_order_have_their_filters_turned(looking: Looking) -> None:
    turned = Looking(looking.model, looking.picture, channels="BGR").layer("conv").kernels
    plain = looking.layer("conv").kernels
    assert turned is not None
    assert plain is not None
    np.testing.assert_array_equal(turned, plain[:, ::-1])


def test_kernels_of_a_transposed_convolution_in_groups(looking: Looking) -> None:
    layer = looking.layer("deep")
    assert layer.kernels is not None
    assert layer.kernels.shape == (6, 2, 3, 3)
    weight = looking.model.deep.weight.detach().numpy()  # (in, out / groups, …)
    np.testing.assert_array_equal(layer.kernels[4], weight[2:4, 1])


def test_a_channel_knows_where_it_is_strongest(looking: Looking) -> None:
    channel = looking.channel("relu[2]")
    assert channel.map is not None
    assert channel.strongest == str(Address("relu", index=(2, *channel.place)))
    assert channel.map[channel.place] == channel.map.max()
    assert channel.field is not None
    row, column = channel.place
    assert channel.field.window == (2 * row - 1, 2 * column - 1, 2 * row + 2, 2 * column + 2)


def test_a_unit(looking: Looking) -> None:
    unit = looking.unit(":add[3, 4, 5]")
    assert unit.value == pytest.approx(float(looking.at(":add").tensor[0, 3, 4, 5]))
    assert unit.arithmetic.agrees
    assert unit.place == (4, 5)
    assert unit.influence is not None
    assert unit.influence.sum() == pytest.approx(1)
    assert unit.field is not None
    top, left, bottom, right = unit.field.seen
    seen = unit.influence.copy()
    seen[top:bottom, left:right] = 0
    assert not seen.any()  # the theoretical field holds all of the effective one
    assert looking.influence(":add[0, 4, 5]") is looking.influence(":add[5, 4, 5]")
    assert unit.to_dict()["patch"] == list(unit.patch or ()) or unit.to_dict()["patch"] == unit.patch


def test_a_unit_without_positions(looking: Looking) -> None:
    unit = looking.unit("head[2]")
    assert (unit.place, unit.patch) == ((), None)
    assert unit.field is not None
    assert unit.channel.map is None


def test_tokens_show_their_patch() -> None:
    model = build_model("timm/vit_tiny_patch16_224", inputs=(3, 224, 224), outputs=5)
    looking = Looking(model, torch.randn(1, 3, 224, 224))
    unit = looking.unit("blocks.0.norm1[7, 18]")
    assert unit.place == (1, 3)
    assert unit.patch == (16, 48, 32, 64)
    assert unit.field is not None
    assert unit.field.seen == unit.patch
    assert unit.influence is not None
    assert unit.influence[16:32, 48:64].sum() == pytest.approx(1)
    assert looking.unit("blocks.0.norm1[7, 0]").notes  # the class token before any attention sees nothing
    assert len(looking.strip()) >= 5


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("conw", "did you mean 'conv'"),
        ("conv[4]", "conv has 4 channels, 0 to 3; got channel 4"),
        ("conv[0, 6, 0]", "conv has 6 rows, 0 to 5; got row 6"),
        ("head[0, 1]", "without positions"),
        ("conv#2", "conv ran once; got conv#2"),
        (":addd", "did you mean ':add'"),
    ],
)
def test_what_does_not_exist(looking: Looking, address: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        looking.at(address)


def test_what_is_asked_of_the_wrong_thing(looking: Looking) -> None:
    with pytest.raises(InputError, match="no single unit"):
        looking.unit("conv[1]")
    with pytest.raises(InputError, match="names no channel"):
        looking.channel("conv")
    with pytest.raises(InputError, match="lie nowhere in the picture"):
        looking.at("head").maps()
    with pytest.raises(InputError, match="one picture"):
        Looking(looking.model, torch.randn(2, 3, 8, 8))
    with pytest.raises(InputError, match="3 channels"):
        Looking(looking.model, torch.randn(1, 1, 8, 8))

"""Units opened: their arithmetic is the network's, leads back through layers, and says what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from pellucid.inspection.arithmetic.unit import follow, unit, value_at
from pellucid.inspection.arithmetic.watching import Watched, watch
from pellucid.types.address import Address
from pellucid.types.arithmetic import Arithmetic
from pellucid.types.errors import InputError


def random_units(watched: Watched, each: int = 2, seed: int = 0) -> list[Arithmetic]:
    """Units of every layer and operation of a run."""
    random = np.random.default_rng(seed)
    found = []
    for address in [*watched.calls, *watched.operations]:
        asked = Address.parse(address)
        value = value_at(watched, asked)
        order = watched.layout_at(value).order
        for _ in range(each):
            place = (int(random.integers(value.shape[at])) for at in order)
            found.append(unit(watched, asked.at(*place)))
    return found


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn(self.conv(x)))
        y = y + F.pad(x, (0, 0, 0, 0, 0, 1))
        y *= 2
        return self.head(self.relu(y).mean((2, 3)))


@pytest.fixture(scope="module")
def net() -> tuple[Net, Tensor]:
    torch.manual_seed(0)
    return Net(), torch.randn(2, 3, 8, 8)


def test_a_convolution_is_the_sum_over_its_window(net: tuple[Net, Tensor]) -> None:
    model, x = net
    found = unit(watch(model, [x]), "conv[2, 0, 5]", sample=1)
    with torch.no_grad():
        assert found.value == pytest.approx(float(model.conv(x)[1, 2, 0, 5]))
    (window,) = found.operands
    assert window.values.shape == (3, 3, 3)
    assert window.axes == ("channel", "y", "x")
    np.testing.assert_array_equal(window.weights, model.conv.weight[2].detach().double())
    np.testing.assert_array_equal(window.values[:, 1:], x[1, :, 0:2, 4:7].double())
    assert not window.values[:, 0].any()  # the padding
    assert window.term((1, 0, 0)).source == ""
    assert window.term((1, 2, 0)).source == ":input[1, 1, 4]"
    assert [step.name for step in found.steps] == ["sum of the products", "bias", "value"]
    assert found.steps[0].value == pytest.approx(window.by_row.sum())
    assert (found.weights, found.multiplications) == (28, 27)
    assert window.learnt == "conv.weight"
    assert (found.layer, found.operation, found.shape) == ("Conv2d", "conv2d", (4, 8, 8))


def test_numbers_are_those_before_they_were_overwritten(net: tuple[Net, Tensor]) -> None:
    model, x = net
    watched = watch(model, [x])
    with torch.no_grad():
        normed = model.bn.eval()(model.conv(x))
    assert unit(watched, "bn[1, 3, 3]").value == pytest.approx(float(normed[0, 1, 3, 3]))
    added = unit(watched, ":add[1, 3, 3]")
    doubled = unit(watched, ":mul[1, 3, 3]")
    assert doubled.value == pytest.approx(2 * added.value)
    assert added.operands[0].term().source == "relu[1, 3, 3]"


def test_every_unit_of_a_network_with_writes_in_place(net: tuple[Net, Tensor]) -> None:
    model, x = net
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for as_it_is in (False, True):
        model.train(as_it_is)
        for found in random_units(watch(model, [x], as_it_is=as_it_is)):
            assert found.kind != "unknown", found.notes
            assert found.agrees
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_unit_is_followed_back_to_the_picture(net: tuple[Net, Tensor]) -> None:
    model, x = net
    chain = [*follow(watch(model, [x]), "head[1]", 12)]
    assert [each.operation for each in chain[:4]] == ["linear", "mean", "relu", "mul"]
    assert chain[-1].kind == "given"
    assert chain[-1].address.startswith((":input", "conv."))
    for one, other in pairwise(chain):
        source = next(iter(one.sources(1)))
        assert source.source == other.address
        assert source.value == other.value


def test_a_block_leads_to_its_last_operation() -> None:
    block = torchvision.models.resnet.BasicBlock(4, 4).eval()
    watched = watch(nn.Sequential(block), [torch.randn(1, 4, 6, 6)])
    found = unit(watched, "0[3, 2, 2]")
    assert (found.layer, found.operation) == ("BasicBlock", "relu")
    before = unit(watched, next(iter(found.sources(1))).source)
    assert before.address == "0:add[3, 2, 2]"
    assert {operand.term().source for operand in before.operands} == {"0.bn2[3, 2, 2]", ":input[3, 2, 2]"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("cnv[0, 0, 0]", "did you mean 'conv'"),
        ("conv[0, 0]", "3 numbers in brackets.*conv gives 4×8×8"),
        ("conv[4, 0, 0]", "lies outside: conv gives 4×8×8"),
        ("conv[0, 0, 8]", "lies outside"),
    ],
)
def test_addresses_that_are_not_a_unit(net: tuple[Net, Tensor], address: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        unit(watch(net[0], [net[1]]), address)


def test_samples_and_changed_weights_are_refused(net: tuple[Net, Tensor]) -> None:
    model, x = net
    watched = watch(model, [x])
    with pytest.raises(InputError, match="sample 2 of a batch of 2"):
        unit(watched, "conv[0, 0, 0]", sample=2)
    with torch.no_grad():
        model.conv.weight.mul_(1.0)
    with pytest.raises(InputError, match=r"conv\.weight has changed"):
        unit(watched, "conv[0, 0, 0]")


class Odd(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 1).softmax(1)


def test_what_is_not_known_is_said_not_faked() -> None:
    watched = watch(Odd(), [torch.randn(1, 5)])
    found = unit(watched, ":cumsum[2]")
    assert found.kind == "unknown"
    assert found.steps == ()
    assert not found.agrees
    assert "no rule for cumsum" in found.notes[0]
    assert ":input" in found.notes[1]
    assert unit(watched, ":softmax[2]").agrees


def test_arithmetic_that_does_not_come_out_is_called_unknown() -> None:
    watched = watch(nn.Linear(3, 2), [torch.randn(1, 3)])
    out = watched.trace.outputs[0]
    wrong = Watched(watched.trace, {**watched.tensors, out: watched.tensors[out] + 0.01}, watched.versions)
    found = unit(wrong, ":linear[1]")
    assert found.kind == "unknown"
    assert "not what was computed" in found.notes[0]


def test_several_outputs_of_a_split_lead_back_past_it() -> None:
    class Split(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            _, right = x.chunk(2, 1)
            return right * 3

    found = unit(watch(Split(), [torch.randn(1, 6, 2, 2)]), ":mul[1, 0, 1]")
    assert found.operands[0].term().source == ":input[4, 0, 1]"


def vit() -> nn.Module:
    return torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=5)


def swin() -> nn.Module:
    return torchvision.models.SwinTransformer([2, 2], 8, [2, 2], [2, 2], [2, 2], num_classes=5)


class UNet(nn.Module):
    """Transposed convolution, skip by concatenation, resizing, group norm, a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), nn.Mish())
        self.up = nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1)
        self.head = nn.Conv2d(7, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(x)
        y = self.deep(F.avg_pool2d(y, 2))
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return self.head(torch.cat([self.up(y), x], 1)).sigmoid()


NETWORKS = {
    "resnet18": lambda: torchvision.models.resnet18(weights=None),
    "squeezenet": lambda: torchvision.models.squeezenet1_1(weights=None),
    "mobilenet": lambda: torchvision.models.mobilenet_v3_small(weights=None),
    "shufflenet": lambda: torchvision.models.shufflenet_v2_x0_5(weights=None),
    "vit": vit,
    "swin": swin,
    "unet": UNet,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_layer_in_networks(name: str) -> None:
    torch.manual_seed(0)
    watched = watch(NETWORKS[name](), [torch.randn(1, 3, 32, 32)])
    told = [(each.operation, each.notes) for each in random_units(watched, 1) if each.kind == "unknown"]
    assert told == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["densenet121", "convnext_tiny", "efficientnet_b0", "googlenet", "inception_v3", "swin_t", "vit_b_16"],
)
def test_every_kind_of_layer_in_large_networks(name: str) -> None:
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    watched = watch(
        model, [torch.randn(1, 3, 299 if "incep" in name else 224, 299 if "incep" in name else 224)]
    )
    assert [each.notes for each in random_units(watched, 1) if each.kind == "unknown"] == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions(dtype: torch.dtype) -> None:
    model = UNet().to(dtype)
    found = random_units(watch(model, [torch.randn(1, 3, 8, 8, dtype=dtype)]))
    assert [each.notes for each in found if each.kind == "unknown"] == []


def test_a_record_as_json_s_types(net: tuple[Net, Tensor]) -> None:
    said = unit(watch(net[0], [net[1]]), "conv[2, 4, 5]").to_dict(most=5)
    assert said["agrees"] is True
    (window,) = said["operands"]
    assert window["shape"] == [3, 3, 3]
    terms: Sequence[dict[str, object]] = window["terms"]
    assert len(terms) == 5
    assert str(terms[0]["source"]).startswith(":input[")

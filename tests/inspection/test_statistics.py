"""What the recorder sees, against numpy on the same network run by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.capture import Key
from pellucid.inspection.layout import Layout, layouts_in
from pellucid.inspection.statistics import map_layers, observe


class Net(nn.Module):
    """A rectifier used twice, tokens after pictures, and a layer that gives two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.dense = nn.Linear(8, 6)
        self.gelu = nn.GELU()
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.norm(self.conv1(x))))
        x = self.relu(self.conv2(x)).flatten(2).transpose(1, 2)
        x, _ = self.attend(x, x, x)
        out: Tensor = self.head(self.drop(self.gelu(self.dense(x))).mean(1))
        return out


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    net = Net()
    with torch.no_grad():
        net.norm.bias[:2] = -100.0  # two dead channels of eight
        net.dense.bias[:3], net.dense.bias[3:] = -100.0, 100.0  # three dead units of six
        net.norm.weight.mul_(2.0)
    return net


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def layouts(net: nn.Module, pictures: Tensor) -> Mapping[Key, Layout]:
    return layouts_in(net, lambda: net(pictures))


def test_statistics_are_those_of_numpy(net: Net, pictures: Tensor) -> None:
    F.cross_entropy(net(pictures), torch.zeros(5, dtype=torch.int64)).backward()
    net.conv2.weight.grad = net.conv2.bias.grad = None
    seen = observe(net, lambda: net(pictures), layouts(net, pictures))
    layers = {layer.name: layer for layer in seen.layers}
    ran = ["conv1", "norm", "relu", "pool", "conv2", "relu#1", "attend", "dense", "gelu", "head"]
    assert list(layers) == ran

    net.eval()
    with torch.no_grad():
        conv1 = net.conv1(pictures)
        relu = net.norm(conv1).relu()
        relu2 = net.conv2(net.pool(relu)).relu()
    for name, output in (("conv1", conv1), ("relu", relu), ("relu#1", relu2)):
        array = output.numpy()
        assert layers[name].activation_mean == pytest.approx(array.mean(), rel=1e-4, abs=1e-6)
        assert layers[name].activation_std == pytest.approx(array.std(), rel=1e-4)
    weight = net.conv1.weight.detach().numpy()
    assert layers["conv1"].kind == "Conv2d"
    assert layers["conv1"].weight_norm == pytest.approx(np.linalg.norm(weight), rel=1e-5)
    assert layers["conv1"].weight_mean == pytest.approx(weight.mean(), abs=1e-6)
    assert layers["conv1"].weight_std == pytest.approx(weight.std(), rel=1e-5)
    gradient = np.concatenate([p.grad.numpy().ravel() for p in net.conv1.parameters()])
    assert layers["conv1"].gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert layers["norm"].weight_std == pytest.approx(0.0, abs=1e-6)
    assert layers["norm"].weight_mean == pytest.approx(2.0)
    assert layers["relu"].dead == pytest.approx(2 / 8)
    assert layers["gelu"].dead == pytest.approx(3 / 6)
    assert layers["conv2"].gradient_norm is None
    assert (layers["pool"].dead, layers["pool"].weight_norm, layers["pool"].gradient_norm) == (
        None,
        None,
        None,
    )
    assert layers["attend"].weight_norm == pytest.approx(net.attend.in_proj_weight.norm().item(), rel=1e-5)
    assert seen.filters is not None
    np.testing.assert_array_equal(seen.filters, weight)
    torch.testing.assert_close(seen.output, net(pictures).detach())


def test_looking_changes_nothing(net: Net, pictures: Tensor) -> None:
    net.norm.eval()
    net(pictures).sum().backward()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    gradients = [parameter.grad.clone() for parameter in net.parameters()]
    modes, generator = [module.training for module in net.modules()], torch.get_rng_state()
    observe(net, lambda: net(pictures), layouts(net, pictures), maps=map_layers(net, layouts(net, pictures)))
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close([parameter.grad for parameter in net.parameters()], gradients, rtol=0, atol=0)
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), generator)


def test_maps_are_of_the_first_convolution_and_the_ends_of_stages(net: Net, pictures: Tensor) -> None:
    names = map_layers(net, layouts(net, pictures))
    assert names == ("conv1", "relu", "gelu")  # whose tokens lie on the grid of conv2's map
    maps = observe(net, lambda: net(pictures), layouts(net, pictures), maps=names).maps
    assert tuple(maps) == names
    net.eval()
    with torch.no_grad():
        relu = net.norm(net.conv1(pictures)).relu()
        tokens = net.conv2(net.pool(relu)).relu().flatten(2).transpose(1, 2)
        gelu = F.gelu(net.dense(net.attend(tokens, tokens, tokens)[0]))
    assert maps["relu"].dtype == np.float16
    np.testing.assert_allclose(maps["relu"], relu.numpy(), rtol=1e-3, atol=1e-4)
    there = gelu.transpose(1, 2).reshape(5, 6, 4, 4).numpy()
    np.testing.assert_allclose(maps["gelu"], there, rtol=1e-3, atol=1e-3)


def test_maps_are_few_and_small() -> None:
    stages = [
        nn.Sequential(nn.Conv2d(3 if i == 0 else 20, 20, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        for i in range(7)
    ]
    net, pictures = nn.Sequential(*stages), torch.randn(2, 3, 256, 200)
    names = map_layers(net, layouts(net, pictures))
    assert len(names) == 6
    assert names[0] == "0.0"
    maps = observe(net, lambda: net(pictures), layouts(net, pictures), maps=names).maps
    assert all(array.shape[1] == 16 and max(array.shape[2:]) <= 64 for array in maps.values())
    assert maps["0.0"].shape == (2, 16, 64, 50)
    whole = net[0][0](pictures).detach()[:, :16].reshape(2, 16, 64, 4, 50, 4).mean((3, 5))
    np.testing.assert_allclose(maps["0.0"], whole.numpy(), rtol=2e-3, atol=1e-3)


def test_a_network_for_tables_and_one_without_layers(pictures: Tensor) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    seen = observe(
        net,
        lambda: net(torch.randn(6, 4)),
        layouts(net, torch.randn(6, 4)),
        maps=map_layers(net, layouts(net, torch.randn(6, 4))),
    )
    assert [(layer.name, layer.kind, layer.dead) for layer in seen.layers] == [
        ("0", "Linear", None),
        ("1", "Tanh", None),
    ]
    assert seen.filters is None
    assert seen.maps == {}
    assert observe(nn.Identity(), lambda: pictures, {}).layers == ()


def test_half_precision_is_reduced_in_single(net: Net, pictures: Tensor) -> None:
    exact = observe(net, lambda: net(pictures), layouts(net, pictures))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = observe(net, lambda: net(pictures), layouts(net, pictures), maps=("conv1",))
    assert rounded.maps["conv1"].dtype == np.float16
    for ours, theirs in zip(rounded.layers, exact.layers, strict=True):
        assert ours.activation_std == pytest.approx(theirs.activation_std, rel=0.05)
        assert ours.weight_norm == theirs.weight_norm

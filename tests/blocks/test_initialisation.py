"""Each initialisation against its paper's formula, and what it leaves alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from pellucid.blocks.initialisation import INITIALISATIONS, initialise
from pellucid.models.naming import build_model
from pellucid.types.errors import UnknownNameError

# Each layer with the products in one of its sums and the sums that one of its inputs is in, counted by hand.
LAYERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "dense": (lambda: nn.Linear(300, 200), 300, 200),
    "1-D": (lambda: nn.Conv1d(40, 60, 5), 200, 300),
    "2-D": (lambda: nn.Conv2d(20, 50, (3, 5)), 300, 750),
    "3-D": (lambda: nn.Conv3d(8, 12, 3), 216, 324),
    "transposed": (lambda: nn.ConvTranspose2d(20, 50, 3), 180, 450),
    "grouped": (lambda: nn.Conv2d(64, 128, 3, groups=8), 72, 144),
    "depthwise": (lambda: nn.Conv2d(2000, 2000, 3, groups=2000), 9, 9),
    "grouped transposed": (lambda: nn.ConvTranspose1d(64, 32, 7, groups=4), 112, 56),
}
DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "naive-normal": lambda fan_in, fan_out: 0.01,
    "xavier-normal": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "xavier-uniform": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "he-normal": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    "he-uniform": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
}
BOUNDS: dict[str, Callable[[int, int], float]] = {
    "xavier-uniform": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
    "he-uniform": lambda fan_in, fan_out: math.sqrt(6 / fan_in),
}


def begun(name: str, module: nn.Module, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    assert initialise(module, name) == ()
    return module


@pytest.mark.parametrize("name", DEVIATIONS)
@pytest.mark.parametrize("layer", LAYERS)
def test_mean_deviation_and_bounds(name: str, layer: str) -> None:
    build, *fans = LAYERS[layer]
    module = begun(name, build())
    weight, std = module.weight.double(), DEVIATIONS[name](*fans)
    error = std / math.sqrt(weight.numel())
    assert abs(weight.mean()) < 4 * error
    assert abs(weight.std() - std) < 4 * error
    assert not module.bias.any()
    if name in BOUNDS:
        bound = BOUNDS[name](*fans)
        assert 0.99 * bound < weight.abs().max() <= bound * (1 + 1e-6)
    else:
        fourth = (weight / std).pow(4).mean()  # 3 for a normal distribution, 1.8 for a uniform one
        assert abs(fourth - 3) < 4 * math.sqrt(96 / weight.numel())


def test_he_agrees_with_torch_where_torch_counts_as_the_paper_does() -> None:
    layer = begun("he-normal", nn.Conv2d(6, 10, 5))
    torch.manual_seed(0)
    theirs = nn.init.kaiming_normal_(torch.empty(10, 6, 5, 5), nonlinearity="relu")
    assert torch.equal(layer.weight, theirs)


@pytest.mark.parametrize(
    ("layer", "groups"),
    [
        (nn.Linear(30, 20), 1),
        (nn.Linear(20, 30), 1),
        (nn.Conv2d(5, 12, 3), 1),
        (nn.Conv2d(2, 50, 3), 1),
        (nn.Conv2d(8, 8, 3, groups=8), 8),
    ],
    ids=["wide", "tall", "convolution", "tall convolution", "depthwise"],
)
def test_orthogonal_rows_or_columns(layer: nn.Module, groups: int) -> None:
    weight = begun("orthogonal", layer).weight
    for matrix in weight.reshape(groups, weight.shape[0] // groups, -1):
        rows, columns = matrix.shape
        gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
        torch.testing.assert_close(gram, torch.eye(min(rows, columns)))
    variance = INITIALISATIONS["orthogonal"].variance((rows, columns))
    assert weight.square().mean().item() == pytest.approx(variance)


def test_a_transposed_convolution_is_orthogonal_over_what_it_adds_up() -> None:
    weight = begun("orthogonal", nn.ConvTranspose2d(6, 4, 3)).weight
    matrix = weight.transpose(0, 1).reshape(4, 54)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(4))


def test_orthogonal_matrices_are_uniform_over_all_of_them() -> None:
    """Haar: each entry of an n × n one has mean 0, variance 1/n and fourth moment 3 / n(n + 2)."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    drawn = []
    for _ in range(2000):
        initialise(layer, "orthogonal")
        drawn.append(layer.weight.detach().clone())
    weights = torch.stack(drawn).double()
    assert weights.mean(0).abs().max() < 4.5 * math.sqrt(1 / 4 / 2000)
    assert (weights.square().mean(0) - 1 / 4).abs().max() < 4.5 * math.sqrt((3 / 24 - 1 / 16) / 2000)


def test_each_projection_of_attention_is_a_layer() -> None:
    attention = begun("xavier-uniform", nn.MultiheadAttention(64, 4))
    bound = math.sqrt(6 / 128)
    for weight in attention.in_proj_weight.chunk(3):
        assert 0.99 * bound < weight.abs().max() <= bound
    assert not attention.in_proj_bias.any()
    assert not attention.out_proj.bias.any()
    apart = begun("orthogonal", nn.MultiheadAttention(32, 4, kdim=16, vdim=48))
    torch.testing.assert_close(apart.k_proj_weight.T @ apart.k_proj_weight, torch.eye(16))
    torch.testing.assert_close(apart.v_proj_weight @ apart.v_proj_weight.T, torch.eye(32))


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.InstanceNorm2d(4, affine=True)]
)
def test_norms_begin_at_one_and_zero(norm: nn.Module) -> None:
    for tensor in norm.state_dict().values():
        tensor.fill_(7)
    state = begun("he-normal", norm).state_dict()
    assert (state.pop("weight") == 1).all()
    assert not state.pop("bias").any()
    assert {key: tensor.unique().tolist() for key, tensor in state.items()} in (
        {},
        {"running_mean": [0], "running_var": [1], "num_batches_tracked": [0]},
    )


class Other(nn.Module):
    """What no initialisation knows, beside what all know."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.full((3,), 7.0))
        self.words = nn.Embedding(5, 3)
        self.slope = nn.PReLU()
        self.computed = weight_norm(nn.Linear(3, 3))
        self.dense = nn.Linear(3, 3, bias=False)


def test_what_is_unknown_stays_and_is_named() -> None:
    model = Other()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    left = initialise(model, "zeros")
    assert set(left) == set(before) - {"dense.weight"}
    assert not model.dense.weight.any()
    assert all(torch.equal(model.get_parameter(name), before[name]) for name in left)


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_any_network_and_the_seed_decides(name: str) -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        model = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=5)
        return begun(name, model, seed).state_dict()

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert torch.equal(one["conv1.weight"], other["conv1.weight"]) == (name == "zeros")
    assert all(tensor.isfinite().all() for tensor in one.values())


def test_a_typo_is_answered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'he-normal'"):
        initialise(nn.Linear(1, 1), "he-norml")

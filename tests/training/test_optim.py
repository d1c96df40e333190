"""Optimisers are torch's own, given the right parameters."""

import copy
from typing import get_args

import pytest
import torch

from pellucid.training.optim import build_optimisers, split_by_decay, split_for_muon
from pellucid.training.settings import Optimiser, OptimSettings


def test_norms_and_biases_do_not_decay(model):
    decayed, spared = split_by_decay([model], norms_and_biases=False)
    assert [p.ndim for p in decayed] == [4, 2, 2]
    assert len(spared) == 4  # two biases, a scale and a shift
    assert split_by_decay([model], norms_and_biases=True)[1] == []


def test_a_shared_parameter_is_stepped_once():
    layer = torch.nn.Linear(3, 3)
    decayed, _ = split_by_decay([layer, torch.nn.Sequential(layer)], norms_and_biases=True)
    assert len(decayed) == 2


def steps(model, optimisers, count=3) -> list[torch.Tensor]:
    torch.manual_seed(1)
    for _ in range(count):
        model(torch.randn(8, 1, 8, 8)).square().mean().backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, 0.05)),
        ("momentum", lambda p: torch.optim.SGD(p, 0.05, 0.9)),
        ("nesterov", lambda p: torch.optim.SGD(p, 0.05, 0.9, nesterov=True)),
        ("adagrad", lambda p: torch.optim.Adagrad(p, 0.05)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, 0.05, momentum=0.9)),
        ("adam", lambda p: torch.optim.Adam(p, 0.05)),
        ("adamw", lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.0)),
    ],
)
def test_equals_torch(model, name, theirs):
    other = copy.deepcopy(model)
    ours = steps(model, build_optimisers([model], OptimSettings(name, lr=0.05)))
    expected = steps(other, [theirs(other.parameters())])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, expected, strict=True))


@pytest.mark.parametrize("name", get_args(Optimiser))
def test_every_optimiser_moves_every_parameter(model, name):
    before = [p.detach().clone() for p in model.parameters()]
    after = steps(model, build_optimisers([model], OptimSettings(name, lr=0.05, weight_decay=0.01)))
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_takes_kernels_as_matrices(layout):
    """One step equals torch's Muon on a matrix of the same numbers; orthogonalising ignores the order of
    columns.
    """
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.Linear(5, 5, bias=False))
    network.to(memory_format=layout)
    kernel = network[0].weight
    settings = OptimSettings("muon", lr=0.02, weight_decay=0.1)
    muon, adamw = build_optimisers([network], settings)
    matrix = torch.nn.Parameter(kernel.detach().reshape(8, -1).clone())
    theirs = torch.optim.Muon([matrix], 0.02, 0.1, 0.9, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        gradient = torch.randn(8, 27)
        kernel.grad, matrix.grad = gradient.reshape(8, 3, 3, 3).contiguous(memory_format=layout), gradient
        muon.step()
        theirs.step()
    assert torch.allclose(kernel.reshape(8, -1), matrix, atol=2e-3)
    assert adamw.param_groups[0]["params"] == [network[1].weight]


def test_muon_leaves_the_output_layer_to_adamw(model):
    decayed, _ = split_by_decay([model], norms_and_biases=False)
    hidden, rest = split_for_muon([model], decayed)
    assert [tuple(p.shape) for p in hidden] == [(4, 1, 3, 3), (16, 256)]
    assert [tuple(p.shape) for p in rest] == [(3, 16)]

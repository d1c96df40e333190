"""One step: its gradient, its parts, its clipping, and what it refuses."""

import copy

import pytest
import torch

from pellucid.tasks.task import Objective
from pellucid.training.execution import Execution
from pellucid.training.player import NonFiniteError, Player
from pellucid.training.processes import Processes
from pellucid.training.settings import OptimSettings, Settings
from pellucid.types.batch import Batch

CPU = Execution(torch.device("cpu"))


def batch_of(count=12) -> Batch:
    torch.manual_seed(2)
    return Batch(torch.randn(count, 1, 8, 8), torch.arange(count) % 3, torch.arange(count))


def player_of(model, task, **settings) -> Player:
    chosen = Settings(optim=OptimSettings("sgd", lr=0.1), **settings)
    return Player(model, task.objectives()[0], chosen, CPU, Processes())


def test_a_step_is_the_textbook_step(model, task):
    other, batch = copy.deepcopy(model), batch_of()
    taken = player_of(model, task).step(batch, 12, lr=0.1)
    loss = torch.nn.functional.cross_entropy(other(batch.inputs), batch.targets)
    loss.backward()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter -= 0.1 * parameter.grad
    assert float(taken.losses["loss"]) == pytest.approx(float(loss.detach()), abs=1e-6)
    norm = torch.cat([p.grad.flatten() for p in other.parameters()]).norm()
    assert taken.norm == pytest.approx(float(norm), rel=1e-5)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("parts", [2, 5, 12])
def test_accumulating_parts_gives_the_whole_gradient(task, parts):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 3)
    )  # batch norm would see other batches
    other, batch = copy.deepcopy(model), batch_of()
    whole = player_of(model, task).step(batch, 12, lr=0.1)
    split = player_of(other, task, accumulate=parts).step(batch, 12, lr=0.1)
    assert float(split.losses["loss"]) == pytest.approx(float(whole.losses["loss"]), abs=1e-6)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_clipping_scales_the_step_and_reports_the_norm_before(model, task):
    before = [p.detach().clone() for p in model.parameters()]
    taken = player_of(model, task, clip_norm=1e-3).step(batch_of(), 12, lr=0.1)
    moved = (
        torch.cat([(a - b).flatten() for a, b in zip(before, model.parameters(), strict=True)])
        .norm()
        .detach()
    )
    assert float(moved) == pytest.approx(0.1 * 1e-3, rel=1e-2)
    assert taken.norm > 1e-3


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing(model, task, poison):
    before = copy.deepcopy(model.state_dict())  # the running statistics of batch norm too
    batch = batch_of()
    batch.inputs[3, 0, 2, 2] = poison
    player = player_of(model, task)
    with pytest.raises(NonFiniteError):
        player.step(batch, 12, lr=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "input" in player.first_nonfinite(batch)


def test_two_players_step_only_their_own_parameters(task):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"one": torch.nn.Linear(4, 1), "two": torch.nn.Linear(4, 1)})
    objective = Objective(
        "one",
        lambda nets, batch: {"loss": (nets["one"](batch.inputs) * nets["two"](batch.inputs)).mean()},
        lambda nets: [nets["one"]],
    )
    player = Player(model, objective, Settings(optim=OptimSettings("sgd", lr=1.0)), CPU, Processes())
    before = copy.deepcopy(model.state_dict())
    player.step(Batch(torch.randn(5, 4), torch.zeros(5), torch.arange(5)), 5, lr=1.0)
    assert not torch.equal(model["one"].weight, before["one.weight"])
    assert torch.equal(model["two"].weight, before["two.weight"])
    assert model["two"].weight.grad is None
    assert all(p.requires_grad for p in model.parameters())

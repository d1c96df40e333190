"""Two players through the loop: who steps when and how, what is told of them, what is refused."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory
from pellucid.models.naming import build_model
from pellucid.runs.folder import RunFolder
from pellucid.tasks.generation import GenerationSettings
from pellucid.tasks.generation_watch import generator_troubles
from pellucid.tasks.judges import plain_pixels
from pellucid.training.events import Diverged, Evaluated, Finished, Noted, Recorded, Started, Stepped
from pellucid.training.execution import Execution
from pellucid.training.loop import fit
from pellucid.training.player import Player
from pellucid.training.processes import ALONE
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.recording import LayerStatistics, Recording


@pytest.fixture(scope="module")
def points() -> Data:
    """300 of eight Gaussians to train with and 100 to test."""
    data = open_data(DataSettings(name="gaussians8"))
    splits = {}
    for split, count in (("train", 300), ("test", 100)):
        some = data.splits[split].fetch(torch.arange(count))
        splits[split] = InMemory(some.inputs, some.targets)
    return Data(replace(data.info, counts={"train": 300, "test": 100}), splits)


def settings(**changes) -> Settings:
    given = {
        "epochs": 2,
        "batch_size": 50,
        "optim": OptimSettings("sgd", lr=0.01),
        "schedule": ScheduleSettings("constant"),
        "hardware": HardwareSettings(device="cpu", threads=1, precision="fp32"),
        "recorder": RecorderSettings(probes=0),
    }
    return Settings(**(given | changes))


def gan(name: str = "gan-points", outputs: int = 1, shape: tuple[int, ...] = (2,)) -> nn.Module:
    torch.manual_seed(0)
    return build_model(name, inputs=shape, outputs=outputs)


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_generator_steps_on_every_third_step_only_and_steps_are_counted_once(points):
    model, task = gan(), GenerationSettings(critic_steps=3).build(points.info)
    before, moved = weights(model.generator), []
    for event in fit(model, task, points, settings(epochs=1)):
        if isinstance(event, Stepped):
            assert {"critic.real", "critic.fake"} <= set(event.losses)
            now = weights(model.generator)
            moved.append((not same(before, now), "generator.loss" in event.losses))
            before = now
        if isinstance(event, Finished):
            assert event.step == 6
    assert moved == [(True, True), (False, False), (False, False)] * 2


def test_each_player_has_its_own_optimiser(points):
    """A critic with ten times the run's rate goes ten times as far, along the schedule too."""
    batch, moves = points.splits["train"].fetch(torch.arange(50)), {}
    for critic_lr in (None, 0.1):
        model, chosen = gan(), settings()
        for objective in GenerationSettings(critic_lr=critic_lr).build(points.info).objectives():
            player = Player(model, objective, chosen, Execution(torch.device("cpu")), ALONE)
            before = weights(model)
            torch.manual_seed(0)
            player.step(batch, 50, lr=0.005)  # half of the run's, as a schedule would have it
            rates = {group["lr"] for optimiser in player.optimisers for group in optimiser.param_groups}
            moved = [(a - b).flatten() for a, b in zip(weights(model), before, strict=True)]
            moves[objective.name, critic_lr] = (rates, torch.cat(moved))
    rates = [float(*each) for each, _ in moves.values()]
    assert rates == pytest.approx([0.005, 0.005, 0.05, 0.005])
    slow, fast = moves["critic", None][1], moves["critic", 0.1][1]
    torch.testing.assert_close(fast, 10 * slow, rtol=1e-3, atol=1e-6)


def test_clipped_weights_stay_where_they_may_be(points):
    model = gan()
    task = GenerationSettings(loss="wasserstein", constraint="clip", clip=0.02).build(points.info)
    for event in fit(model, task, points, settings(epochs=1)):
        if isinstance(event, Stepped):
            assert max(float(p.abs().max()) for p in weights(model.critic)) <= 0.02
    assert max(float(p.abs().max()) for p in weights(model.generator)) > 0.02


def test_a_critic_without_a_constraint_runs_away_and_is_named(points):
    """A Wasserstein loss alone has no lower bound: it is stopped before anything is infinite."""
    model = gan()
    task = GenerationSettings(loss="wasserstein").build(points.info)
    events = list(fit(model, task, points, settings(epochs=200, optim=OptimSettings("adam", lr=0.3))))
    assert isinstance(events[-1], Diverged)
    assert "the critic runs away: its loss is" in events[-1].description
    assert "beyond ±10000" in events[-1].description
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_evaluation_sees_the_same_codes_whatever_the_batches_and_changes_nothing(points):
    task, model = GenerationSettings().build(points.info), gan().eval()
    batch = points.splits["test"].fetch(torch.arange(20))
    state, before = copy.deepcopy(model.state_dict()), torch.random.get_rng_state()
    with torch.inference_mode():
        whole, part = task.forward(model, batch), task.forward(model, batch.slice(5, 12))
        torch.testing.assert_close(whole.samples[5:12], part.samples)
        torch.testing.assert_close(whole.slopes[5:12], part.slopes)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert whole.slopes.min() > 0
    probes = task.probe(whole, batch)
    assert probes.shape == (20, 8)
    torch.testing.assert_close(probes[:, 4:6], batch.inputs)
    assert task.exhibits(whole, batch)["surface"].shape == (1, 65, 65)
    assert [record.index for record in task.decode(whole, batch)] == list(range(20))


@pytest.mark.parametrize(
    "chosen",
    [
        GenerationSettings(),
        GenerationSettings(loss="wasserstein", constraint="penalty", critic_steps=2, conditional=True),
    ],
    ids=["plain", "conditional-wgan-gp"],
)
def test_a_run_on_points_tells_its_numbers_and_its_sections(points, chosen):
    task = chosen.build(points.info)
    model = gan(outputs=chosen.outputs(points.info))
    recordings, evaluated = [], None
    for event in fit(model, task, points, settings(recorder=RecorderSettings(probes=16))):
        if isinstance(event, Recorded):
            recordings.append(event.recording)
        if isinstance(event, Evaluated):
            evaluated = event
    assert evaluated is not None
    assert task.primary[0] in evaluated.metrics
    assert {"Lipschitz", "Wasserstein", "classes covered"} <= set(evaluated.metrics)
    assert not [layer.name for layer in recordings[-1].layers if "#" in layer.name]  # each player runs once
    assert {layer.player for layer in recordings[-1].layers} == {"generator", "critic"}
    assert all(layer.name.startswith(layer.player) for layer in recordings[-1].layers)
    assert recordings[-1].predictions.shape == (16, 8)


def test_pictures_of_two_channels_of_judges():
    half = Preprocessing((0.5,), (0.5,), channels="L", size=(28, 28))
    info = DataInfo("some", (1, 28, 28), ("a", "b"), {"train": 6, "test": 6}, (3, 3), half, "")
    task, model = GenerationSettings(conditional=True).build(info), gan("dcgan-32", 2, (1, 28, 28)).eval()
    batch = Batch(torch.rand(6, 1, 28, 28) * 2 - 1, torch.arange(6) % 2, torch.arange(6))
    with torch.inference_mode():
        output = task.forward(model, batch)
        shown = task.exhibits(output, batch)["generated"]
    assert shown.shape == (6, 28, 28)
    assert shown.dtype == torch.uint8
    assert output.labels.tolist() == [0, 1] * 3
    judge = plain_pixels(half)
    assert judge.features(batch.inputs).shape == (6, 256)
    grey = judge.features(torch.zeros(1, 1, 28, 28))
    assert round(float(255 * grey[0, 0]), 3) in (127, 128)  # rounded, as a picture is stored


def test_a_critic_with_batch_norm_sees_each_kind_by_itself():
    """What the generator makes changes nothing of how real pictures are normalised, nor they of it."""
    half = Preprocessing((0.5,), (0.5,), channels="L", size=(28, 28))
    info = DataInfo("some", (1, 28, 28), ("a", "b"), {"train": 6, "test": 6}, (3, 3), half, "")
    task, model = GenerationSettings().build(info), gan("dcgan-32", 1, (1, 28, 28)).train()
    pictures = torch.rand(16, 1, 28, 28) * 2 - 1

    def losses(pictures: torch.Tensor) -> list[float]:
        torch.manual_seed(0)
        batch = Batch(pictures, torch.zeros(16, dtype=torch.int64), torch.arange(16))
        parts = task.critic_loss(model, batch) | task.generator_loss(model, batch)
        return [parts[name].item() for name in ("real", "fake", "loss")]

    first = losses(pictures)
    others = losses(pictures.roll(3, 2) ** 3)
    assert others[1:] == first[1:]
    assert abs(others[0] - first[0]) > 1e-4
    with torch.no_grad():
        model.generator.picture[0].weight.normal_()
    others = losses(pictures)
    assert others[0] == first[0]
    assert abs(others[1] - first[1]) > 1e-4


def test_a_run_that_was_broken_off_and_resumed_is_the_same_run(points, tmp_path):
    """Broken off in the middle of the generator's turn of three; both players, their optimisers and codes."""
    task = GenerationSettings(
        loss="wasserstein", constraint="penalty", critic_steps=3, critic_lr=2e-3, conditional=True
    ).build(points.info)
    chosen = settings(optim=OptimSettings("adam", lr=1e-3, beta1=0.5), schedule=ScheduleSettings("cosine"))
    whole, broken, resumed = (gan(outputs=8) for _ in range(3))
    for _ in fit(whole, task, points, chosen):
        pass
    run = RunFolder.create(tmp_path / "run", {})
    for event in fit(broken, task, points, chosen, run=run):
        if isinstance(event, Stepped) and event.step == 8:
            break
    for event in fit(resumed, task, points, chosen, run=run, resume=True):
        if isinstance(event, Started):
            assert event.step == 8
    assert same(weights(whole), weights(resumed))
    assert not same(weights(whole), weights(broken))


def recording(step: int, nearest: list[int], gradient: float = 0.1) -> Recording:
    layer = LayerStatistics("generator.1", "Linear", gradient, 10.0, 0.0, 1.0, 0.0, 1.0, None)
    predictions = np.zeros((len(nearest), 4), np.float32)
    predictions[:, 3] = nearest
    return Recording(step, 1.0, (layer,), None, {}, predictions)


def test_collapse_and_vanished_gradients_are_named():
    assert generator_troubles(recording(1000, list(range(32)))) == {}
    assert "nearest to only 1 of 32" in generator_troubles(recording(1000, [4] * 32))["collapse"]
    assert "vanished" in generator_troubles(recording(1000, list(range(32)), gradient=1e-7))
    assert generator_troubles(recording(500, [4] * 32)) == {}
    assert generator_troubles(recording(1000, [4] * 8)) == {}  # too few to tell


def test_a_collapsed_generator_is_noted_in_a_run_once(points, monkeypatch):
    """A generator that always gives one point, from two recorded steps in a row on."""
    monkeypatch.setattr("pellucid.tasks.generation_watch.FROM_STEP", 1)
    model = gan()
    for parameter in model.generator.parameters():
        nn.init.zeros_(parameter)
    watched = settings(
        epochs=1, optim=OptimSettings("sgd", lr=1e-9), recorder=RecorderSettings(32, per_decade=4)
    )
    task = GenerationSettings().build(points.info)
    notes = [e.message for e in fit(model, task, points, watched) if isinstance(e, Noted)]
    assert len([note for note in notes if "the generator collapses" in note]) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"loss": "mse"}, "loss must be one of non-saturating"),
        ({"constraint": "hard"}, "constraint must be one of"),
        ({"clip": 0.0}, "clip must be a positive number"),
        ({"penalty": float("nan")}, "penalty must be a positive number"),
        ({"critic_steps": 0}, "critic-steps must be at least 1"),
        ({"critic_lr": -1.0}, "critic-lr must be a positive number"),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(InputError, match=words):
        GenerationSettings(**wrong)


def test_data_and_networks_that_do_not_fit(points):
    table = replace(points.info, name="houses", shape=(13,))
    with pytest.raises(InputError, match="houses is neither pictures of one size nor points"):
        GenerationSettings().build(table)
    with pytest.raises(InputError, match="needs two classes or more"):
        GenerationSettings(conditional=True).build(replace(points.info, classes=("one",)))
    with pytest.raises(InputError, match="a network of two players, such as gan"):
        next(fit(nn.Linear(2, 1), GenerationSettings().build(points.info), points, settings()))

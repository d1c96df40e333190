"""What is frozen stays, exactly, through everything training does; what is not learns at its own rate."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid import cli
from pellucid.data.source import Data
from pellucid.models.naming import build_model
from pellucid.models.transfer import all_but, freeze, freeze_batch_norms, layer_rates, names_before
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder
from pellucid.tasks.task import Task
from pellucid.training.events import Started, Stepped
from pellucid.training.loop import fit
from pellucid.training.optim import build_optimisers, set_rate
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.types.errors import InputError

QUICK = Settings(
    epochs=2,
    batch_size=16,
    optim=OptimSettings("adamw", lr=0.01, weight_decay=0.1),
    hardware=HardwareSettings(device="cpu", precision="fp32", memory_format="contiguous", threads=1),
    recorder=RecorderSettings(probes=4),
)


def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("cifar-resnet8", inputs=(1, 8, 8), outputs=3)


def frozen_until(layer: str) -> tuple[nn.Module, frozenset[str]]:
    model = network()
    names = names_before(model, (1, 8, 8), layer)
    freeze(model, names)
    return model, names


def held(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize(
    "settings",
    [
        QUICK,
        replace(QUICK, ema=0.9, clip_norm=0.1, accumulate=2),
        replace(QUICK, optim=OptimSettings("momentum", lr=0.1, weight_decay=0.1)),
        replace(QUICK, optim=OptimSettings("muon", lr=0.01, weight_decay=0.1, first_layer=0.1)),
    ],
    ids=["adamw", "averaged", "momentum", "muon"],
)
def test_a_frozen_layer_gives_at_the_end_what_it_gave_at_the_start(
    settings: Settings, task: Task, data: Data, tmp_path: Path
) -> None:
    model, names = frozen_until("layer3")
    before, x = held(model), torch.randn(2, 1, 8, 8)
    base = nn.Sequential(model.conv1, model.bn1, model.relu, model.layer1, model.layer2)
    with torch.no_grad():
        expected = copy.deepcopy(base).eval()(x)
    events = list(fit(model, task, data, settings, run=RunFolder.create(tmp_path / "run", {})))
    with torch.no_grad():
        assert torch.equal(base(x), expected), "as training left it: its statistics are still frozen"
    for name, value in held(model).items():
        same = torch.equal(value, before[name])
        assert same if name in names else not same or name.endswith("num_batches_tracked"), name
    started = events[0]
    assert isinstance(started, Started)
    assert started.parameters == sum(p.numel() for p in model.parameters())
    assert started.trained == sum(p.numel() for n, p in model.named_parameters() if n not in names)
    kept = checkpoints.load(tmp_path / "run" / "checkpoints" / "best").weights
    assert all(torch.equal(kept[name], before[name]) for name in names), "in what is kept, too"


def test_a_look_between_the_steps_does_not_thaw_it(task: Task, data: Data) -> None:
    model, names = frozen_until("layer3")
    before = held(model)
    for event in fit(model, task, data, QUICK):
        if isinstance(event, Stepped):
            model.eval() if event.step % 2 else model.train()
    assert all(torch.equal(value, before[name]) for name, value in held(model).items() if name in names)
    assert not torch.equal(model.layer3[0].bn1.running_mean, before["layer3.0.bn1.running_mean"])


def test_a_network_that_comes_in_evaluation_mode_is_trained_whole(task: Task, data: Data) -> None:
    one, other = network(), network().eval()
    list(fit(one, task, data, QUICK))
    list(fit(other, task, data, QUICK))
    assert all(torch.equal(a, b) for a, b in zip(held(one).values(), held(other).values(), strict=True))


@pytest.mark.parametrize("scale_and_shift", [False, True])
def test_frozen_batch_norms(task: Task, data: Data, scale_and_shift: bool) -> None:
    model = network()
    freeze_batch_norms(model, scale_and_shift=scale_and_shift)
    before = held(model)
    list(fit(model, task, data, QUICK))
    for name, value in held(model).items():
        part = name.rpartition(".")[2]
        norm = "bn" in name
        stays = norm and (scale_and_shift or part not in ("weight", "bias"))
        assert torch.equal(value, before[name]) is stays, name


def test_broken_off_and_resumed_it_ends_at_the_same_weights(task: Task, data: Data, tmp_path: Path) -> None:
    settings = replace(QUICK, optim=replace(QUICK.optim, first_layer=0.1))
    whole, _ = frozen_until("layer2")
    list(fit(whole, task, data, settings))
    run = RunFolder.create(tmp_path / "run", {})
    broken, _ = frozen_until("layer2")
    for event in fit(broken, task, data, settings, run=run):
        if isinstance(event, Stepped) and event.step == 5:
            break
    again, _ = frozen_until("layer2")
    list(fit(again, task, data, settings, run=run, resume=True))
    assert all(torch.equal(a, b) for a, b in zip(held(whole).values(), held(again).values(), strict=True))


def test_nothing_to_train_is_said(task: Task, data: Data) -> None:
    model = network()
    freeze(model, all_but(model, ()))
    with pytest.raises(InputError, match="no parameter of the network is free"):
        list(fit(model, task, data, QUICK))


def test_a_frozen_base_costs_no_backward_pass() -> None:
    def operations(model: nn.Module) -> int:
        with FlopCounterMode(display=False) as counter:
            model(torch.ones(4, 1, 8, 8)).sum().backward()
        return counter.get_total_flops()

    model = network()
    with FlopCounterMode(display=False) as forward:
        model(torch.ones(4, 1, 8, 8))
    assert operations(model) > 2.9 * forward.get_total_flops()
    freeze(model, all_but(model, {"linear.weight", "linear.bias"}))
    assert operations(model) < 1.01 * forward.get_total_flops()


def plain(**settings: float) -> OptimSettings:
    return OptimSettings("sgd", lr=0.5, **settings)


def test_each_layer_steps_at_its_own_rate(task: Task, data: Data) -> None:
    """One plain step of the loop is the gradient times rate times the layer's part of it, scheduled."""
    settings = replace(
        QUICK, epochs=1, batch_size=64, optim=plain(first_layer=0.01), schedule=ScheduleSettings("constant")
    )
    model, other = network(), network()
    rates = layer_rates(other, (1, 8, 8), 0.01)
    list(fit(other, task, data, replace(settings, optim=plain())))
    list(fit(model, task, data, settings))
    start = dict(network().named_parameters())
    assert rates["conv1.weight"] == 0.01
    assert rates["linear.weight"] == 1
    for name, parameter in model.named_parameters():
        whole = other.get_parameter(name) - start[name]
        torch.testing.assert_close(parameter - start[name], whole * rates[name], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_groups_without_rates_are_as_they_were(name: str) -> None:
    """So that checkpoints from before there were rates go on being resumed."""
    model = network()
    for optimiser in build_optimisers([model], OptimSettings(name, weight_decay=0.1)):
        groups = optimiser.state_dict()["param_groups"]
        assert [group["weight_decay"] for group in groups] in ([0.1, 0.0], [0.1])
        assert not any("rate" in group for group in groups)


@pytest.mark.parametrize("name", ["momentum", "adamw", "muon"])
def test_rates_scale_with_the_schedule_and_survive_saving(name: str) -> None:
    model = network()
    by_name = layer_rates(model, (1, 8, 8), 0.1)
    rates = {parameter: by_name[key] for key, parameter in model.named_parameters()}
    settings = OptimSettings(name, lr=0.4, weight_decay=0.1)
    optimisers = build_optimisers([model], settings, rates)
    again = build_optimisers([model], settings, rates)
    for one, other in zip(optimisers, again, strict=True):
        assert [group["lr"] for group in one.param_groups] == [
            0.4 * group.get("rate", 1) for group in one.param_groups
        ]
        other.load_state_dict(one.state_dict())
        set_rate(other, 0.2)
        for before, after in zip(one.param_groups, other.param_groups, strict=True):
            assert after["lr"] == pytest.approx(before["lr"] / 2)
    stepped = sum(p.numel() for o in optimisers for group in o.param_groups for p in group["params"])
    assert stepped == sum(p.numel() for p in model.parameters())


def test_the_first_layers_part_is_checked() -> None:
    for wrong in (0.0, -0.1, 1.5):
        with pytest.raises(InputError, match="first-layer must be above 0 and at most 1"):
            OptimSettings(first_layer=wrong)


TRAIN = """
    train cifar-resnet8 --data digits --epochs 1 --batch-size 91 --hardware.threads 1 --hardware.device cpu
    --hardware.precision fp32 --augment.no-flip --recorder.probes 0 --save-every 1000
""".split()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for digits, of a network with one class too many."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build_model("cifar-resnet8", inputs=(1, 8, 8), outputs=11).state_dict(), path)
    return path


def test_from_the_command_line(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["--model.weights", str(weights), "--model.train-from", "layer3", "--out", str(out)]
    assert cli.main([*TRAIN, *words]) == 2
    assert "--model.classifier new" in capsys.readouterr().err
    assert cli.main([*TRAIN, *words, "--model.classifier", "new"]) == 0
    # layer3: 9·32·64 + 9·64·64 + 2 · 2·64; the classifier: 64·10 + 10
    assert "trains 56,202 of 75,002 weights" in capsys.readouterr().out
    start = torch.load(weights, weights_only=True)
    for name, value in checkpoints.load(out / "checkpoints" / "best").weights.items():
        frozen = not name.startswith(("layer3", "linear"))
        assert (value.shape == start[name].shape and torch.equal(value, start[name])) is frozen, name


def test_evaluating_takes_the_classifier_of_the_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the recipe does with it in training."""
    model = build_model("torchvision/squeezenet1_0", inputs=(3, 96, 96), outputs=3)
    with torch.no_grad():
        model.classifier[1].bias[1] = 100.0
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    pictures, labels = np.zeros((8, 3, 32, 32), np.uint8), np.array([0, 1, 2, 0, 1, 2, 1, 1])
    np.savez(tmp_path / "data.npz", x_train=pictures, y_train=labels, x_test=pictures, y_test=labels)
    words = ["--weights", str(tmp_path / "weights.pt"), "--data", str(tmp_path / "data.npz")]
    assert cli.main(["evaluate", "cifar-squeezenet-transfer", *words, "--device", "cpu"]) == 0
    assert "0.5000" in capsys.readouterr().out, "everything is taken for class 1, as half of them are"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ddp", "fsdp", "compiled"])
def test_together_and_compiled_it_is_the_same(weights: Path, tmp_path: Path, how: str) -> None:
    words = ["--model.weights", str(weights), "--model.classifier", "new", "--model.train-from", "layer2"]
    words += ["--optim.first-layer", "0.1", "--model.freeze-norm", "all", "--optim.name", "momentum"]
    assert cli.main([*TRAIN, *words, "--out", str(tmp_path / "alone")]) == 0
    if how == "compiled":
        assert cli.main([*TRAIN, *words, "--hardware.compile", "on", "--out", str(tmp_path / how)]) == 0
    else:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        program = str(Path(__file__).with_name("together.py"))
        parallel = ["--hardware.parallel", how, "--hardware.memory-format", "contiguous", "--out", how]
        subprocess.run([*launcher, program, *TRAIN, *words, *parallel], cwd=tmp_path, check=True, timeout=120)
    alone, other = (checkpoints.load(tmp_path / name / "checkpoints" / "last") for name in ("alone", how))
    start = torch.load(weights, weights_only=True)
    for name, value in other.weights.items():
        torch.testing.assert_close(value, alone.weights[name], rtol=1e-3, atol=1e-4, msg=name)
        if not name.startswith(("layer2", "layer3", "linear")):
            assert np.array_equal(value, start[name]), name

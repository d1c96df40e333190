"""Networks made sick on purpose are told what they have, healthy ones nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.inspection.health import Finding, Watch, diagnose, relative_gradients
from pellucid.inspection.layout import layer_layouts
from pellucid.inspection.statistics import observe
from pellucid.models.naming import build_model
from pellucid.tasks.classification import ClassificationSettings
from pellucid.training.events import Noted, Recorded
from pellucid.training.loop import fit
from pellucid.training.settings import HardwareSettings, OptimSettings, ScheduleSettings, Settings
from pellucid.types.recording import LayerStatistics, Recording

SETTINGS = Settings(epochs=2, batch_size=64, hardware=HardwareSettings(device="cpu", threads=1))
DATA = open_data(DataSettings(name="digits"))
TASK = ClassificationSettings().build(DATA.info)


def perceptron(activation: type[nn.Module], depth: int, std: float | None = None) -> nn.Sequential:
    """Layers 1, 3, 5 …, their activations 2, 4, 6 …"""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for index in range(depth):
        layers += [nn.Linear(32 if index else 1024, 32), activation()]
    model = nn.Sequential(*layers, nn.Linear(32, 10))
    for parameter in model.parameters():
        if std is not None and parameter.ndim > 1:
            nn.init.normal_(parameter, std=std)
    return model


def trained(model: nn.Module, settings: Settings = SETTINGS) -> tuple[list[Recording], list[str]]:
    events = list(fit(model, TASK, DATA, settings))
    notes = [event.message for event in events if isinstance(event, Noted)]
    return [event.recording for event in events if isinstance(event, Recorded)], notes


def only(found: tuple[Finding, ...], kind: str) -> Finding:
    (finding,) = (each for each in found if each.kind == kind)
    return finding


def test_sigmoids_let_the_gradient_vanish() -> None:
    recordings, notes = trained(perceptron(nn.Sigmoid, 10))
    finding = only(diagnose(recordings), "vanishing")
    assert finding.layers[0] == "1", "from the input on"
    assert finding.layers == tuple(str(1 + 2 * index) for index in range(len(finding.layers)))
    assert not {"19", "21"} & {*finding.layers}, "near the loss there is some"
    flow = relative_gradients(recordings[-1].layers)
    assert finding.value == pytest.approx(flow[finding.worst] / flow["21"])
    assert finding.value < 1e-6
    assert "layers of sigmoid follow it" in finding.words + finding.advice
    assert "the last layer" in finding.words
    assert sum("vanishes" in note for note in notes) == 1, "once, while it trains"


def test_nothing_is_told_while_the_rate_warms_up() -> None:
    warming = replace(SETTINGS, schedule=ScheduleSettings("constant", warmup=2.0))
    recordings, notes = trained(perceptron(nn.Sigmoid, 10), warming)
    assert only(diagnose(recordings), "vanishing").since < recordings[-1].step
    assert notes == []


def test_too_high_a_rate_kills_rectifiers() -> None:
    settings = replace(SETTINGS, epochs=1, optim=OptimSettings(name="sgd", lr=2.0))
    recordings, notes = trained(perceptron(nn.ReLU, 4), settings)
    finding = only(diagnose(recordings), "dead")
    assert {*finding.layers} <= {"2", "4", "6", "8"}
    assert finding.value >= 0.6
    assert "lower the learning rate" in finding.advice
    assert any("% of the units of" in note for note in notes)


def test_large_weights_saturate_tanh_and_small_ones_fade() -> None:
    recordings, _ = trained(perceptron(nn.Tanh, 5, std=1.5), replace(SETTINGS, epochs=1))
    assert only(diagnose(recordings), "saturated").layers == ("2", "4", "6", "8", "10")
    model = perceptron(nn.Tanh, 6, std=0.001)
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    images = torch.rand(8, 1, 32, 32)
    layers = observe(model, lambda: model(images), layer_layouts(model, [images])).layers
    finding = only(diagnose([_recording(10, layers), _recording(20, layers)]), "fading")
    assert finding.layers[-1] == "13"
    assert "the first layer" in finding.words


@pytest.mark.parametrize("name", ["cifar-resnet8", "lenet5", "mlp"])
def test_healthy_networks_are_left_in_peace(name: str) -> None:
    torch.manual_seed(0)
    recordings, notes = trained(
        build_model(name, inputs=(1, 32, 32), outputs=10), replace(SETTINGS, epochs=1)
    )
    assert diagnose(recordings) == ()
    assert notes == []


def _layer(
    name: str, kind: str = "Linear", gradient: float | None = 1.0, **others: float | None
) -> LayerStatistics:
    values = {"dead": None, "saturated": None, "activation_std": 1.0} | others
    return LayerStatistics(name, kind, gradient, 1.0, 0.0, 1.0, 0.0, **values)


def _recording(step: int, layers: tuple[LayerStatistics, ...]) -> Recording:
    return Recording(step, step / 10, layers, None, {}, np.empty(0, np.float32))


SICK = (_layer("a", gradient=1e-6), _layer("b", gradient=1e-2), _layer("c"))
WELL = (_layer("a", gradient=1e-3), _layer("b", gradient=1e-2), _layer("c"))


def test_it_has_to_last() -> None:
    assert diagnose([_recording(1, SICK), _recording(2, SICK)]) == (), "blocks may begin at zero"
    assert diagnose([_recording(20, WELL), _recording(30, SICK)]) == ()
    assert diagnose([_recording(20, SICK), _recording(30, SICK), _recording(40, WELL)]) == ()
    (finding,) = diagnose([_recording(10, WELL), *(_recording(step, SICK) for step in (20, 30, 40))])
    assert (finding.layers, finding.worst, finding.since, finding.step) == (("a",), "a", 20, 40)
    assert "1.0e-06 of that at c" in finding.words


def test_players_are_not_measured_by_one_another() -> None:
    """A critic that is sure of itself has a tiny gradient beside the generator's; that is no explosion."""
    generator = tuple(replace(_layer(name, gradient=1.0), player="generator") for name in "abc")
    critic = tuple(replace(_layer(name, gradient=1e-5), player="critic") for name in "def")
    assert diagnose([_recording(step, generator + critic) for step in (10, 20)]) == ()
    sick = tuple(replace(layer, player="critic") for layer in SICK)
    (finding,) = diagnose([_recording(step, generator + sick) for step in (10, 20)])
    assert (finding.kind, finding.layers) == ("vanishing", ("a",))


def test_explosions() -> None:
    layers = (_layer("a", gradient=5e3), _layer("b", gradient=10.0), _layer("c"))
    (finding,) = diagnose([_recording(10, layers), _recording(20, layers)])
    assert (finding.kind, finding.layers) == ("exploding", ("a",))
    assert "5,000 times" in finding.words
    assert "--clip-norm" in finding.advice
    large = tuple(_layer(name, gradient=300.0) for name in "abc")
    (finding,) = diagnose([_recording(10, large), _recording(20, large)])
    assert "300 times as large as the weights" in finding.words
    of_a_player = tuple(replace(layer, player="critic") for layer in large)
    assert diagnose([_recording(10, of_a_player), _recording(20, of_a_player)]) == ()


def test_norms_and_a_last_sigmoid_say_nothing() -> None:
    norm = _layer("n", kind="BatchNorm2d", gradient=1e-9)
    last = replace(_layer("s", kind="Sigmoid", gradient=None, saturated=1.0), weight_norm=None)
    shape = replace(_layer("u", kind="Unflatten", gradient=None), weight_norm=None)
    layers = (_layer("a"), norm, _layer("b"), _layer("c"), last, shape)
    assert diagnose([_recording(10, layers), _recording(20, layers)]) == ()


def test_a_watch_tells_once() -> None:
    watch = Watch()
    told = [watch.new(_recording(step, SICK)) for step in (10, 20, 30, 40)]
    assert [len(each) for each in told] == [0, 1, 0, 0]
    dead = (*SICK, _layer("r", kind="ReLU", gradient=None, dead=0.9))
    told = [watch.new(_recording(step, dead)) for step in (50, 60)]
    assert [[each.kind for each in found] for found in told] == [[], ["dead"]]


def test_saturation_is_counted_near_the_ends() -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sigmoid, self.tanh = nn.Sigmoid(), nn.Tanh()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.sigmoid(x) + self.tanh(x)

    x = torch.linspace(-6, 6, 400).view(4, 100)
    model = Layers()
    sigmoid, tanh = observe(model, lambda: model(x), layer_layouts(model, [x])).layers
    s, t = torch.sigmoid(x), torch.tanh(x)
    assert sigmoid.saturated == pytest.approx(float(((s < 0.02) | (s > 0.98)).float().mean()))
    assert tanh.saturated == pytest.approx(float((t.abs() > 0.96).float().mean()))
    assert sigmoid.dead is None

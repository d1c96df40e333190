"""The loop: events, stopping, resuming, two players, divergence."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder
from pellucid.runs.recordings import read_probes, read_recordings
from pellucid.tasks.task import Objective
from pellucid.training.events import (
    Diverged,
    Evaluated,
    Finished,
    Recorded,
    Saved,
    Started,
    Stepped,
    Watching,
)
from pellucid.training.loop import fit
from pellucid.training.settings import (
    HardwareSettings,
    OptimSettings,
    RecorderSettings,
    ScheduleSettings,
    Settings,
)
from pellucid.training.state import average_of
from pellucid.types.errors import InputError

QUICK = Settings(
    epochs=3,
    batch_size=16,
    optim=OptimSettings("adamw", lr=0.01),
    schedule=ScheduleSettings("one-cycle"),
    hardware=HardwareSettings(device="cpu", threads=1),
    recorder=RecorderSettings(probes=4),
)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_the_events_of_a_run_in_order(model, task, data):
    events = list(fit(model, task, data, QUICK))
    assert isinstance(events[0], Started)
    assert (events[0].total_steps, events[0].steps_per_epoch) == (12, 4)
    assert [event.step for event in of(Stepped, events)] == list(range(1, 13))
    assert [event.step for event in of(Evaluated, events)] == [4, 8, 12]
    assert len(of(Watching, events)) == 1
    assert {event.step for event in of(Recorded, events)} >= {0, 1, 4, 8, 10, 12}
    assert of(Saved, events) == []  # no run folder
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "epochs"
    assert of(Evaluated, events)[-1].metrics["top-1"] > 0.9, "the tiny world is learnable"


def test_equals_a_hand_written_loop(model, task, data):
    """The same order, normalisation, optimiser and schedule in twenty plain lines."""
    other = copy.deepcopy(model)
    settings = Settings(
        epochs=2,
        batch_size=16,
        optim=OptimSettings("momentum", lr=0.05),
        schedule=ScheduleSettings("constant"),
        hardware=HardwareSettings(device="cpu", precision="fp32", threads=1),
        recorder=RecorderSettings(probes=0),
    )
    seen = []

    class Spy:
        streamed = False

        def __init__(self, inner):
            self.inner = inner

        def __len__(self):
            return len(self.inner)

        def to(self, device):
            return self

        def fetch(self, indices, keys=None):
            if keys is not None:  # a training batch, not a look at some samples
                seen.append(indices)
            return self.inner.fetch(indices, keys)

    spied = type(data)(data.info, {**data.splits, "train": Spy(data.splits["train"])})
    losses = [
        event.losses["loss"] for event in fit(model, task, spied, settings) if isinstance(event, Stepped)
    ]

    optimiser = torch.optim.SGD(other.parameters(), lr=0.05, momentum=0.9)
    expected = []
    for indices in seen:
        batch = data.splits["train"].fetch(indices)
        inputs = (batch.inputs.float() / 255 - 0.4) / 0.25
        loss = torch.nn.functional.cross_entropy(other(inputs), batch.targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        expected.append(loss.item())
    assert losses == pytest.approx(expected, abs=1e-5)
    assert len({tuple(sorted(torch.cat(seen[:4]).tolist())), tuple(range(64))}) == 1, (
        "an epoch is all samples"
    )


def run_folder(path) -> RunFolder:
    return RunFolder.create(path, {})


def test_a_run_folder_holds_what_happened(model, task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    events = list(fit(model, task, data, QUICK, run=run))
    assert [line["step"] for line in run.log.read("step")] == [event.step for event in of(Stepped, events)]
    assert [line["metrics"] for line in run.log.read("evaluation")] == [
        event.metrics for event in of(Evaluated, events)
    ]
    recordings = read_recordings(run.recordings)
    assert [recording.step for recording in recordings] == [event.step for event in of(Recorded, events)]
    assert recordings[0].layers[0].gradient_norm is None, "before the first step there is no gradient"
    assert recordings[-1].layers[0].gradient_norm > 0
    assert recordings[-1].predictions.sum(axis=1) == pytest.approx(np.ones(4))
    probes = read_probes(run.recordings)
    assert np.array_equal(
        probes.pictures, data.splits["test"].fetch(torch.from_numpy(probes.indices)).inputs.numpy()
    )
    best = max(of(Evaluated, events), key=lambda event: event.metrics["top-1"])
    assert checkpoints.load(run.checkpoints / "best").state["step"] == best.step


@pytest.mark.parametrize("leave", [Started, Stepped, Evaluated, Saved, Recorded])
def test_break_and_resume_ends_at_the_same_weights(model, task, data, tmp_path, leave):
    fresh = copy.deepcopy(model)
    list(fit(model, task, data, QUICK, run=run_folder(tmp_path / "whole")))

    run, resume, rounds = run_folder(tmp_path / "broken"), False, 0
    finished = False
    while not finished:
        network, count = copy.deepcopy(fresh), 0
        for event in fit(network, task, data, QUICK, run=run, resume=resume):
            count += isinstance(event, leave)
            finished = isinstance(event, Finished)
            if count == (2 if leave in (Stepped, Recorded) else 1) and rounds < 8:
                break
        resume, rounds = True, rounds + 1
    whole, broken = (
        checkpoints.load(tmp_path / name / "checkpoints" / "last") for name in ("whole", "broken")
    )
    assert all(torch.equal(whole.weights[key], broken.weights[key]) for key in whole.weights)
    assert whole.state["stopping"] == broken.state["stopping"]


def test_stop_saves_and_says_so(model, task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    asked = iter([False, False, True])
    events = list(fit(model, task, data, QUICK, run=run, stop=lambda: next(asked, True)))
    assert events[-1].reason == "stopped"
    assert events[-1].step == 3
    assert checkpoints.load(run.checkpoints / "last").state["step"] == 3


def test_early_stopping_waits_its_patience(model, task, data):
    settings = Settings(
        epochs=50,
        batch_size=64,
        early_stopping=3,
        optim=OptimSettings("sgd", lr=1e-12),
        schedule=ScheduleSettings("constant"),
        hardware=HardwareSettings(device="cpu"),
        recorder=RecorderSettings(probes=0),
    )
    model[
        1
    ].momentum = 0.0  # else the running statistics improve the network although the weights stand still
    events = list(fit(model, task, data, settings))
    assert events[-1].reason == "early-stopping"
    assert len(of(Evaluated, events)) == 4


class Explodes(torch.nn.Module):
    """Its weights are fine until its third training step."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.calls = torch.nn.Linear(64, 8), torch.nn.Linear(8, 3), 0

    def forward(self, x):
        hidden = self.first(x.flatten(1))
        if self.training:
            self.calls += 1
            if self.calls >= 3:
                hidden = torch.log(hidden - hidden.amax())
        return self.second(hidden)


def test_divergence_names_the_layer_and_keeps_the_weights(task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    model = Explodes()
    kept = {}
    for event in fit(model, task, data, QUICK, run=run):
        if isinstance(event, Stepped):
            kept = copy.deepcopy(model.state_dict())
    assert isinstance(event, Diverged)
    assert event.step == 3
    assert "log" in event.description
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())
    assert run.log.read("diverged")[0]["step"] == 3


class Duel:
    """Two players: a generator of numbers and a critic that steps twice as often, as a GAN has them."""

    primary = ("gap", False)

    def objectives(self):
        return (
            Objective("critic", self.critic_loss, lambda nets: [nets["critic"]]),
            Objective("generator", self.generator_loss, lambda nets: [nets["generator"]], every=2),
        )

    def made(self, nets, batch):
        return nets["generator"](torch.randn(len(batch), 2))

    def critic_loss(self, nets, batch):
        real, fake = (
            nets["critic"](batch.inputs.flatten(1)[:, :2]),
            nets["critic"](self.made(nets, batch).detach()),
        )
        return {"distance": (fake - real).mean(), "size": 0.1 * (real.square() + fake.square()).mean()}

    def generator_loss(self, nets, batch):
        return {"distance": -nets["critic"](self.made(nets, batch)).mean()}

    def forward(self, nets, batch):
        return nets["generator"](batch.inputs.flatten(1)[:, :2])

    def probe(self, output, batch):
        return output

    def exhibits(self, output, batch):
        return {}

    def decode(self, output, batch):
        return list(output)

    def telling(self, evaluation):
        return []

    def metrics(self):
        return [Gap()]


class Gap:
    def __init__(self):
        self.values = []

    def update(self, output, batch):
        self.values.append(float(output.abs().mean()))

    def merge(self, other):
        self.values += other.values

    def compute(self):
        return {"gap": sum(self.values) / len(self.values)}


def duel_networks() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"generator": torch.nn.Linear(2, 2), "critic": torch.nn.Linear(2, 1)})


def test_two_players_go_through_the_same_loop_and_resume_exactly(data, tmp_path):
    settings = Settings(
        epochs=3,
        batch_size=16,
        hardware=HardwareSettings(device="cpu", threads=1),
        recorder=RecorderSettings(probes=0),
    )
    whole = duel_networks()
    stepped = of(Stepped, list(fit(whole, Duel(), data, settings, run=run_folder(tmp_path / "whole"))))
    assert set(stepped[0].losses) == {"critic.distance", "critic.size", "generator.distance"}
    assert set(stepped[1].losses) == {"critic.distance", "critic.size"}
    assert set(stepped[0].gradient_norms) == {"critic", "generator"}
    assert [event.step for event in stepped] == list(range(1, 13)), "a step counts once, whoever moves"

    run = run_folder(tmp_path / "broken")
    for event in fit(duel_networks(), Duel(), data, settings, run=run):
        if isinstance(event, Stepped) and event.step == 5:
            break
    again = duel_networks()
    list(fit(again, Duel(), data, settings, run=run, resume=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_a_checkpoint_of_another_network_is_refused(model, task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    list(fit(model, task, data, QUICK, run=run))
    other = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    with pytest.raises(
        InputError, match="the checkpoint does not hold the weights of this Sequential; 8 unexpected"
    ):
        list(fit(other, task, data, QUICK, run=run, resume=True))


def test_a_truncated_checkpoint_gives_way_to_the_one_before_and_is_told(model, task, data, tmp_path):
    fresh, run = copy.deepcopy(model), run_folder(tmp_path / "run")
    list(fit(model, task, data, QUICK, run=run))
    path = run.checkpoints / "last" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    events = list(fit(fresh, task, data, QUICK, run=run, resume=True))
    assert any("passed over" in event.message for event in events if hasattr(event, "message"))
    assert events[0].step == 8
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))


def test_changed_data_are_not_resumed_on(model, task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    list(fit(copy.deepcopy(model), task, data, QUICK, run=run))
    info = type(data.info)(**{**vars(data.info), "fingerprint": "1" * 64})
    with pytest.raises(InputError, match="the data changed"):
        list(fit(model, task, type(data)(info, data.splits), QUICK, run=run, resume=True))


def test_a_batch_larger_than_the_data_is_the_data(model, task, data):
    settings = Settings(epochs=2, batch_size=1000, hardware=HardwareSettings(device="cpu"))
    events = list(fit(model, task, data, settings))
    assert events[0].total_steps == 2
    assert math.isfinite(of(Stepped, events)[-1].losses["loss"])


def test_ema_of_spectral_norm_has_a_greatest_singular_value_of_one():
    """Averaged unit vectors would be shorter, and the weights divided by too little."""
    torch.manual_seed(0)
    layer = spectral_norm(nn.Linear(6, 5))
    average = average_of(layer, 0.99)
    assert average is not None
    for _ in range(300):
        with torch.no_grad():
            layer.parametrizations.weight.original.add_(0.1 * torch.randn(5, 6))
        layer(torch.ones(1, 6))
        average.update_parameters(layer)
    greatest = torch.linalg.matrix_norm(average.module.eval().weight.detach(), 2)
    assert float(greatest) == pytest.approx(1, abs=0.02)


def test_ema_is_what_is_evaluated_and_kept(model, task, data, tmp_path):
    run = run_folder(tmp_path / "run")
    settings = Settings(
        epochs=1,
        batch_size=16,
        ema=0.9,
        hardware=HardwareSettings(device="cpu"),
        recorder=RecorderSettings(probes=0),
    )
    average = {name: value.detach().clone() for name, value in model.named_parameters()}
    steps = 0
    for event in fit(model, task, data, settings, run=run):
        if isinstance(event, Stepped):
            for name, value in model.named_parameters():
                # torch copies the weights at the first update, then averages
                decay = min(0.9, (1 + steps) / (10 + steps)) if steps else 0
                average[name] = decay * average[name] + (1 - decay) * value.detach()
            steps += 1
    kept = checkpoints.load(run.checkpoints / "best").weights
    assert all(torch.allclose(kept[name], value, atol=1e-6) for name, value in average.items())

"""Trainings that the studio starts: real processes, watched through their run folders."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pellucid.recipes.form import form_of, options_of
from pellucid.recipes.general import find_recipe
from pellucid.studio.app import House
from pellucid.studio.training import Tail


def state_of(asking: TestClient, name: str, *wanted: str) -> str:
    for _ in range(1200):
        state: str = next(run for run in asking.get("/api/runs").json() if run["name"] == name)["state"]
        if state in wanted:
            return state
        time.sleep(0.1)
    raise AssertionError(f"{name} is {state}, not {wanted}")


def steps_of(asking: TestClient, name: str) -> int:
    curves = asking.get(f"/api/runs/{name}/curves").json()["curves"]
    return next((len(curve["steps"]) for curve in curves if curve["name"] == "loss"), 0)


def test_a_training_from_start_to_replay(asking: TestClient, house: House) -> None:
    values = {"epochs": "40", "recorder.probes": "4"}
    name = asking.post("/api/runs", json={"recipe": "digits-mlp", "values": values}).json()["name"]
    while not steps_of(asking, name):
        time.sleep(0.05)
    assert asking.post(f"/api/runs/{name}/pause").json()["state"] == "paused"
    time.sleep(0.2)
    before = steps_of(asking, name)
    time.sleep(0.3)
    assert steps_of(asking, name) == before
    assert asking.post(f"/api/runs/{name}/resume").json()["state"] == "running"
    asking.post(f"/api/runs/{name}/stop")
    if state_of(asking, name, "stopped", "finished") == "stopped":
        asking.post(f"/api/runs/{name}/resume")
        assert state_of(asking, name, "finished") == "finished"
    steps = next(run for run in asking.get("/api/runs").json() if run["name"] == name)["steps"]
    figures = asking.get(f"/api/runs/{name}/at/{steps[-1]}").json()
    assert {"predictions", "gradients"} <= {figure["title"] for figure in figures}
    assert all(figure["html"].startswith("<figure>") for figure in figures)
    assert asking.get("/api/network", params={"network": f"run:{name}"}).status_code == 200


def test_what_the_command_refuses_is_told(asking: TestClient) -> None:
    values = {"optim.lr": "-3"}
    name = asking.post("/api/runs", json={"recipe": "digits-mlp", "values": values}).json()["name"]
    assert state_of(asking, name, "failed") == "failed"
    assert "lr" in next(run for run in asking.get("/api/runs").json() if run["name"] == name)["words"]


@pytest.mark.parametrize(
    "values",
    [
        {"model.name": "/tmp/evil.py:f"},
        {"data.path": "/etc"},
        {"data.path": "../../etc"},
        {"nonsense": "1"},
        {"out": "/tmp/elsewhere"},
    ],
)
def test_what_may_not_be_set(asking: TestClient, values: dict[str, str]) -> None:
    answer = asking.post("/api/runs", json={"recipe": "digits-mlp", "values": values})
    assert answer.status_code == 422


def test_a_form_has_every_setting_with_its_words() -> None:
    fields = {field.name: field for field in form_of(find_recipe("digits-lenet5"))}
    assert fields["epochs"].kind == "whole"
    assert fields["optim.name"].kind == "choice"
    assert "adamw" in fields["optim.name"].choices
    assert fields["model.name"].value == "lenet5"
    without = [name for name, field in fields.items() if not field.help]
    assert not without, f"no words for {without}"


def test_options_are_as_typed() -> None:
    assert options_of("optim.lr", "number", "0.1") == ["--optim.lr", "0.1"]
    assert options_of("augment.flip", "flag", "False") == ["--augment.no-flip"]
    assert options_of("model.mean", "list", "0.5 0.5") == ["--model.mean", "0.5", "0.5"]


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"ste')
    tail = Tail(path)
    assert tail.new() == [{"step": 1}]
    with path.open("a") as file:
        file.write('p": 2}\nnonsense\n{"step": 3}\n')
    assert tail.new() == [{"step": 2}, {"step": 3}]
    assert tail.new() == []

"""The command and the program that the studio shows open the same network as it does."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from pellucid.studio.called import Called, called
from pellucid.studio.explaining import Explained, Question, command_of, python_of
from pellucid.studio.networks import Networks


def _explained(how: Called, **asked: str) -> Explained:
    return Explained(Question("n", "p", ("grad-cam",), **asked), how)


def test_a_run_is_named_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some runs" / "first").mkdir(parents=True)
    (tmp_path / "some runs" / "first" / "run.json").write_text("{}")
    networks = Networks(tmp_path / "some runs")
    away = called(networks, "run:first")
    assert away == Called(str(tmp_path / "some runs" / "first"))
    monkeypatch.chdir(tmp_path)
    here = called(networks, "run:first")
    assert here == Called("some runs/first")
    assert shlex.split(command_of(_explained(here), "grad-cam"))[2] == "some runs/first"
    assert "open_network('some runs/first')" in python_of(_explained(here), "grad-cam")


def test_weights_that_were_named_are_said(tmp_path: Path) -> None:
    networks = Networks(tmp_path, ("resnet18", "vgg16"), "torchvision/resnet18")
    first = _explained(called(networks, "resnet18"))
    words = shlex.split(command_of(first, "grad-cam"))
    assert words[words.index("--weights") + 1] == "torchvision/resnet18"
    program = python_of(first, "grad-cam")
    compile(program, "program", "exec")
    assert "weights='torchvision/resnet18'" in program
    assert "--weights" not in command_of(_explained(called(networks, "vgg16")), "grad-cam")


def test_what_a_shell_would_take_apart_is_quoted() -> None:
    told = command_of(_explained(Called("resnet18"), target="potter's wheel", layer="layer1.0#1"), "grad-cam")
    words = shlex.split(told)
    assert words[words.index("--target") + 1] == "potter's wheel"
    assert words[words.index("--layer") + 1] == "layer1.0#1"

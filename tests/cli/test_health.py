"""`pellucid health`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli import main

NETWORK = """
from torch import nn

def deep(inputs, outputs):
    layers = [nn.Flatten(), nn.Linear(inputs[0] * inputs[1] * inputs[2], 16), nn.Sigmoid()]
    for _ in range(9):
        layers += [nn.Linear(16, 16), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(16, outputs))
"""


def test_a_sick_run_and_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "network.py").write_text(NETWORK)
    run = tmp_path / "run"
    words = f"train {tmp_path / 'network.py'}:deep --data digits --epochs 1 --hardware.threads 1 --out {run}"
    assert main([*words.split(), "--hardware.device", "cpu"]) == 0
    assert "the gradient vanishes towards the input" in capsys.readouterr().out
    assert main(["health", str(run)]) == 1
    said = capsys.readouterr().out
    assert "vanishing since step" in said
    assert "of that at 21, the last layer" in said
    assert main(["health", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["kind"] == "vanishing"
    assert len(found["layers"]) == 21
    page = (run / "report.html").read_text()
    assert "The gradient vanishes towards the input" in page
    assert "Saturation" in page


def test_a_healthy_run_and_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    words = f"train digits-lenet5 --epochs 1 --hardware.threads 1 --hardware.device cpu --out {run}"
    assert main(words.split()) == 0
    assert main(["health", str(run)]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert main(["health", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    for path in (run / "recordings").iterdir():
        path.unlink()
    assert main(["health", str(run)]) == 2
    assert "--recorder.probes" in capsys.readouterr().err

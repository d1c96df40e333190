"""`pellucid embed` and `pellucid similarity`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "digits"
    words = f"train digits-lenet5 --epochs 2 --hardware.threads 1 --hardware.device cpu --out {path}"
    assert main(words.split()) == 0
    return path


def test_a_map_of_the_runs_own_data(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "map.json"
    assert main(f"embed {run} --method pca --most 50 --out {out}".split()) == 0
    assert capsys.readouterr().out.startswith("relu6: 50 pictures, PCA: the two axes hold ")
    figure = json.loads(out.read_text())
    assert "50 of the 360 pictures of digits, test" in figure["caption"] + figure["panels"][0]["caption"]
    assert (
        main(f"embed {run} c3 --data digits --split train --most 40 --out {tmp_path / 'map.html'}".split())
        == 0
    )
    assert 'class="peek"' in (tmp_path / "map.html").read_text()


def test_layers_of_one_network(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cka.png"
    assert main(f"similarity {run} --most 60 --layers c1 c3 f6 --out {out} --json".split()) == 0
    found = json.loads(capsys.readouterr().out)
    values = np.array(found["values"])
    np.testing.assert_allclose(np.diag(values), 1, atol=1e-6)
    np.testing.assert_allclose(values, values.T, atol=1e-6)
    assert values[0, 1] > values[0, 2], "what lies nearer is more alike"
    assert found["samples"] == 60
    assert out.read_bytes().startswith(b"\x89PNG")


def test_two_checkpoints(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"similarity {run} {run} --other-checkpoint last --most 40 --out {tmp_path / 'cka.html'} --json"
    assert main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == found["columns"]
    assert min(np.diag(found["values"])) > 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("embed {run} c9", "no layer is called 'c9'"),
        ("embed {run} --out x.gif", "--out writes"),
        ("embed {run} --most 2", "three samples"),
        ("embed {run} --split val", "has no split 'val'"),
        ("similarity {run} --layers c9", "no layer is called 'c9'"),
        ("similarity {run} --weights x.pt", "leave --weights"),
        ("similarity {run} --most 3", "four pictures"),
        ("similarity {run} resnet19", "no recipe or model is called 'resnet19'"),
    ],
)
def test_mistakes_are_told_in_a_line(
    run: Path,
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.format(run=run).split()) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1

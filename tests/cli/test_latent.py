"""`pellucid latent`, on a small variational autoencoder trained for a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.cli import main

TRAIN = (
    "train {} --data digits --data.channels L --epochs 1 --task.code 4 --hardware.threads 1 "
    "--hardware.device cpu"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("latent") / "run"
    assert main([*TRAIN.format("mnist-cvae").split(), "--out", str(path)]) == 0
    return path


def test_a_run_is_reported(run: Path) -> None:
    page = (run / "report.html").read_text("utf-8")
    for heading in ("There and back", "What the code carries", "The map", "Samples", "Along training"):
        assert f"<h2>{heading}</h2>" in page


def test_the_space_is_a_page(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "space.html"
    words = ["latent", str(run), "--most", "60", "--out", str(out), "--anomalies", "shapes"]
    assert main(words) == 0
    assert "area under the ROC" in capsys.readouterr().out
    page = out.read_text("utf-8")
    for heading in ("The map", "Walks", "A plane", "Arithmetic", "Samples", "What does not belong"):
        assert f"<h2>{heading}</h2>" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--numbers 0 4", "numbers 0 to 3"),
        ("--numbers -1 0", "numbers 0 to 3"),
        ("--numbers 1 1", "two different"),
        ("--walk 0 5000", "sample 5000"),
        ("--walk -1 0", "sample -1"),
        ("--classes 3 x", "class"),
        ("--split tset", "no split"),
        ("--out space.png", ".html"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    options: str, said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["latent", str(run), "--most", "60", *options.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_what_is_no_autoencoder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latent", "digits-lenet5"]) == 2
    assert "autoencoder's" in capsys.readouterr().err

"""`pellucid excite`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pellucid.cli import main

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "digits"
    words = f"train digits-lenet5 --epochs 1 --hardware.threads 1 --hardware.device cpu --out {path}"
    assert main(words.split()) == 0
    return path


@pytest.mark.parametrize("ending", ["png", "html", "json"])
def test_a_class_of_a_run(run: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / f"three.{ending}"
    words = f"excite {run} [3] --steps 8 --count 2 --top 3 --data digits --out {out}".split()
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "[3]:" in said
    assert "after 8 steps" in said
    if ending == "json":
        figure = json.loads(out.read_text())
        assert len(figure["panels"]) == 2 + 3, "a class sees all of a picture"
        assert "seed 0" in figure["caption"]
    else:
        assert out.stat().st_size > 5000


def test_a_layer_is_a_sheet_of_its_channels(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.json"
    assert main(f"excite {run} c1 --data digits --top 4 --out {out}".split()) == 0
    assert "the first 6 of 6 channels" in capsys.readouterr().out
    panels = json.loads(out.read_text())["panels"]
    assert [panel["title"] for panel in panels] == [f"c1[{channel}]" for channel in range(6)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("c9", "no layer or class is called 'c9'; did you mean"),
        ("[10]", "there is no 10 among 0 … 9; the output is 10"),
        ("c1[6]", "there is no 6 among 0 … 5"),
        ("c1[2] --out x.gif", "--out writes"),
        ("c1[2] --data digits --split val", "has no split 'val'"),
        ("c1[2] --steps 0", "at least 1"),
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
    assert main(["excite", str(run), *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_a_canvas_too_small_for_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever layer it is that refuses: before, or behind, what is asked."""
    call = ["excite", "torchvision/squeezenet1_0", "features.3[1]", "--canvas", "2"]
    for count in ("1", "2"):
        assert main([*call, "--count", count, "--out", str(tmp_path / "out.png")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("pellucid: features.0 (Conv2d) refused an input of shape 1×3×2×2")


@pytest.mark.slow
def test_a_zebra_is_seen_by_a_network_that_knows_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, pictures = DATA / "weights" / "squeezenet1_0_bgr_fp16.pt", DATA / "imagenet_samples"
    if not (weights.exists() and pictures.exists()):
        pytest.skip("SqueezeNet's weights and ImageNet's pictures are not beside the checkout")
    out = tmp_path / "zebra.png"
    words = f"excite imagenet-squeezenet zebra --weights {weights} --classes {pictures / 'classes.txt'}"
    assert (
        main([*words.split(), *f"--steps 40 --count 1 --canvas 128 --data {pictures} --out {out}".split()])
        == 0
    )
    said = capsys.readouterr().out
    made, best = (
        float(said.split(words)[1].split()[0].strip(";,")) for words in ("zebra [340]: ", "best picture ")
    )
    assert made > best
    assert "(zebra)" in said
    with Image.open(out) as picture:
        assert picture.size[0] > 500

"""`pellucid style`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pellucid.cli import main
from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.types.data_info import Preprocessing

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style")
    torch.manual_seed(0)
    model = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=3)
    seen = Preprocessing((0.5,) * 3, (0.2,) * 3, size=(32, 32))
    save_weights(model, path / "w.safetensors", preprocessing=seen, classes=("a", "b", "c"), name="w")
    for name, height, width in (("content", 30, 40), ("style", 50, 20)):
        values = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(height))
        pixels = (nn.functional.interpolate(values, (height, width))[0] * 255).byte().permute(1, 2, 0)
        Image.fromarray(pixels.numpy()).save(path / f"{name}.png")
    return path


def words(folder: Path, more: str) -> list[str]:
    network = f"--network cifar-resnet8 --weights {folder / 'w.safetensors'}"
    return f"style {folder / 'content.png'} {folder / 'style.png'} {network} {more}".split()


@pytest.mark.parametrize("ending", ["png", "jpg", "html", "json"])
def test_a_picture_is_painted(
    folder: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"painted.{ending}"
    assert main(words(folder, f"--steps 4 --every 2 --side 32 --out {out}")) == 0
    said = capsys.readouterr().out
    assert "style by " in said
    assert "24 × 32" in said
    assert "after 4 steps" in said
    if ending in ("png", "jpg"):
        with Image.open(out) as painted:
            assert painted.size == (32, 24)
    elif ending == "json":
        figure = json.loads(out.read_text())
        assert [panel["title"] for panel in figure["panels"]][:3] == ["Content", "Style", "Painted"]
        assert "seed 0" in figure["caption"]


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_a_grey_content_picture_is_painted(folder: Path, mode: str, tmp_path: Path) -> None:
    """By a network that sees three colours; where the content's own colours are kept, it stays grey."""
    content = tmp_path / "grey.png"
    with Image.open(folder / "content.png") as picture:
        picture.convert(mode).save(content)
    call = words(folder, f"--steps 4 --side 32 --out {tmp_path / 'kept.png'} --colours content")
    call[1] = str(content)
    assert main(call) == 0
    with Image.open(tmp_path / "kept.png") as painted:
        pixels = np.array(painted.convert("RGB")).astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1
    assert np.ptp(pixels) > 20


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--style-layers conv9", "no layer is called 'conv9'"),
        ("--out x.gif", "--out writes"),
        ("--steps 0", "at least 1"),
        ("--optimiser sgd", "lbfgs"),
    ],
)
def test_mistakes_are_told_in_a_line(
    folder: Path,
    more: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words(folder, more)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_squeezenet_paints_a_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, pictures = DATA / "weights" / "squeezenet1_0_bgr_fp16.pt", DATA / "set14"
    if not weights.exists():
        pytest.skip(f"needs {weights}")
    out = tmp_path / "painted.png"
    call = f"style {pictures / 'monarch.png'} {pictures / 'comic.png'} --network imagenet-squeezenet"
    assert main([*call.split(), "--weights", str(weights), "--out", str(out)]) == 0
    assert "features.1, features.5, features.10, features.12" in capsys.readouterr().out
    with Image.open(out) as painted:
        assert max(painted.size) == 256

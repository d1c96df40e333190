"""`pellucid look`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pictures") / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def look(*words: str) -> int:
    return main(["look", "cifar-resnet8", *words, "--data.size", "32"])


def test_from_the_network_down_to_a_unit(picture: str, capsys: pytest.CaptureFixture[str]) -> None:
    for address, words in (
        ("", ["layer3", "channels 0 to 4"]),
        ("layer1.0", ["16 channels of 32 × 32", "greatest"]),
        ("layer1.0:add[3]", ["strongest", "it sees"]),
        ("layer1.0:add[3, 4, 5]", ["layer1.0:add[3, 4, 5] = ", "row 4, column 5"]),
    ):
        assert look(address, "--image", picture) == 0
        said = capsys.readouterr()
        assert all(word in said.out for word in words), said.out
        assert "not trained" in said.err


@pytest.mark.parametrize("ending", [".html", ".png", ".json"])
def test_it_is_drawn(ending: str, picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"unit{ending}"
    assert look("layer2.0[3, 4, 5]", "--image", picture, "--out", str(path), "--json") == 0
    content = path.read_bytes()
    assert content.startswith({".html": b"<!doctype html>", ".png": b"\x89PNG", ".json": b"{"}[ending])
    said = capsys.readouterr().out
    assert json.loads(said[said.index("{") :])["address"] == "layer2.0[3, 4, 5]"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["layer9"], "did you mean"),
        (["layer1.0[99]"], "has 16 channels, 0 to 15; got channel 99"),
        (["layer1.0[1,2,3,4]"], "[channel, row, column] was expected"),
        (["fc[1, 2]"], "closest"),
        (["layer1.0", "--out", "map.gif"], ".png, .html or .json"),
        (["a b"], "expected an address like"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], complaint: str, picture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(*words, "--image", picture) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("pellucid: ")
    if complaint != "closest":
        assert complaint in said


def test_a_picture_is_needed_and_has_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert look() == 2
    assert "--image FILE" in capsys.readouterr().err
    (tmp_path / "no.png").write_bytes(b"no picture")
    assert look("--image", str(tmp_path / "no.png")) == 2


def test_a_network_for_other_channels_says_so(picture: str, capsys: pytest.CaptureFixture[str]) -> None:
    five = ["--model.mean", *["0.5"] * 5, "--model.std", *["0.5"] * 5]
    assert look("--image", picture, *five) == 2
    assert "5 channels" in capsys.readouterr().err


def test_a_picture_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert look("layer1.0", "--image", "nothere.png") == 2
    assert capsys.readouterr().err.endswith("pellucid: nothere.png: no such file or folder\n")

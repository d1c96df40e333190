"""`pellucid explain` as a person calls it."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from pellucid.cli import main
from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.types.data_info import Preprocessing

CLASSES = ("cat", "dog", "black-and-tan coonhound")


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A small network with weights, and two pictures."""
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    model = build_model("cifar-resnet20", inputs=(3, 32, 32), outputs=3)
    sees = Preprocessing((0.5,) * 3, (0.25,) * 3, size=(32, 32))
    save_weights(model, "net.safetensors", preprocessing=sees, classes=CLASSES, name="cifar-resnet20")
    for name in ("one", "two"):
        pixels = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(f"{name}.png")
    return ["explain", "cifar-resnet20", "--weights", "net.safetensors", "one.png", "two.png"]


def test_one_method(given, tmp_path, capsys) -> None:
    assert main(given) == 0
    with Image.open(tmp_path / "explanation.png") as written:
        assert written.size[0] > 500
    said = capsys.readouterr().out
    assert "one: " in said
    assert "8 × 8" in said
    assert "written: explanation.png" in said


def test_all_methods_on_one_sheet(given, tmp_path, capsys) -> None:
    assert main([*given, "--method", "all", "--out", "sheet.html", "--option", "batch=64"]) == 0
    page = (tmp_path / "sheet.html").read_text()
    for method in ("cam", "grad-cam", "score-cam", "full-grad"):
        assert f"<h4>{method}</h4>" in page
    assert "has no attention to show" in page
    assert "left out attention" in capsys.readouterr().out


def test_json(given, tmp_path, capsys) -> None:
    target = "2*dog - black-and-tan coonhound"
    assert main([*given, "--json", "--target", target, "--layer", "layer1.0", "--method", "layer-cam"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["image"] for line in lines] == ["one.png", "two.png"]
    assert lines[0]["target"] == "2 × (dog (1)) − black-and-tan coonhound (2)"
    assert lines[0]["layers"] == ["layer1.0"]
    assert len(lines[0]["values"]) == lines[0]["grid"][0] == 32
    assert not (tmp_path / "explanation.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "7"], "3 numbers, 0 to 2; there is no class 7"),
        (["--target", "dgo"], "did you mean 'dog'"),
        (["--layer", "linear"], "no spatial extent"),
        (["--method", "grad-kam"], "did you mean"),
        (["--method", "attention"], "no attention to show; grad-cam"),
        (["--method", "full-grad", "--layer", "layer1"], "leave --layer out"),
        (["--option", "batch=2"], "no option of grad-cam is called 'batch'"),
        (["--method", "score-cam", "--option", "batch=two"], "batch is a whole number; got 'two'"),
        (["--method", "ablation-cam", "--option", "ablation=none"], "zero or mean or resample; got 'none'"),
        (["--option", "combine"], "NAME=VALUE"),
        (["--out", "map.gif"], ".png or .html"),
        (["--opacity", "2"], "from 0 to 1; got 2"),
    ],
)
def test_mistakes_are_one_sentence(given, capsys, options, words) -> None:
    assert main([*given, *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_map_is_checked_beside_a_random_one(given, capsys) -> None:
    assert main([*given, "--method", "saliency", "--check", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for record in records:
        for name in ("deletion", "insertion", "road", "infidelity"):
            assert {name, f"{name} of a random map"} <= set(record["scores"])
        assert any("checked by the probability" in note for note in record["notes"])


def test_what_is_black_to_the_network_is_known_to_methods(given, capsys) -> None:
    options = ["--option", "baselines=black+white", "--option", "steps=4", "--option", "most_steps=4"]
    assert main([*given, "--method", "integrated-gradients", *options, "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert record["options"]["baselines"] == "black+white"

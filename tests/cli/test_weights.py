"""Networks with trained weights from elsewhere, evaluated and asked on the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from pellucid import cli
from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.types.data_info import Preprocessing

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
QUICK = ["--epochs", "1", "--hardware.threads", "1", "--hardware.workers", "0"]
CAFFE = (
    "--model.mean 104 117 123 --model.std 1 1 1 --model.scale 1 --model.channels BGR --data.size 227".split()
)


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.fixture
def squeezenet() -> tuple[Path, Path]:
    """Weights for ImageNet, and 100 of its pictures."""
    weights, pictures = DATA / "weights" / "squeezenet1_0_bgr_fp16.pt", DATA / "imagenet_samples"
    if not (weights.exists() and pictures.exists()):
        pytest.skip("SqueezeNet's weights and ImageNet's pictures are not beside the checkout")
    return weights, pictures


def test_imagenets_pictures_by_a_recipe(
    capsys: pytest.CaptureFixture[str], squeezenet: tuple[Path, Path]
) -> None:
    weights, pictures = squeezenet
    out = printed(
        capsys, "evaluate", "imagenet-squeezenet", "--weights", weights, "--data", pictures, "--json"
    )
    found = json.loads(out)
    assert found["samples"] == 100
    assert found["top-1"] == pytest.approx(0.62, abs=0.03)
    assert found["top-5"] == pytest.approx(0.84, abs=0.03)


@pytest.mark.slow
def test_the_same_without_the_recipe(
    capsys: pytest.CaptureFixture[str], squeezenet: tuple[Path, Path]
) -> None:
    weights, pictures = squeezenet
    source = ["--weights", weights, "--data", pictures, "--json"]
    recipe = json.loads(printed(capsys, "evaluate", "imagenet-squeezenet", *source))
    options = [*source, *CAFFE, "--data.keep", 227 / 256, "--data.channels", "RGB"]
    assert json.loads(printed(capsys, "evaluate", "torchvision/squeezenet1_0", *options)) == recipe


def test_imagenets_pictures_are_called_by_name(
    capsys: pytest.CaptureFixture[str], squeezenet: tuple[Path, Path]
) -> None:
    weights, pictures = squeezenet
    names = ["n01860187_black_swan", "n02391049_zebra", "n02112137_chow", "n04146614"]
    images = [pictures / f"{name}.JPEG" for name in names[:3]]
    options = ["--weights", weights, "--classes", pictures / "classes.txt"]
    lines = printed(capsys, "predict", "torchvision/squeezenet1_0", *images, *options, *CAFFE).splitlines()
    assert [line.split(": ")[1].partition(" ")[0] for line in lines] == names[:3]


def smooth(path: Path, seed: int) -> None:
    """A picture without edges, 300 × 400."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Of three of ImageNet's classes, in an order that is not ImageNet's."""
    for number, name in enumerate(("toilet_tissue", "n01443537_goldfish", "Tench")):
        for index in range(2):
            smooth(tmp_path / "photos" / name / f"{index}.png", 10 * number + index)
    (tmp_path / "photos" / "classes.txt").write_text("n01443537_goldfish\nTench\ntoilet_tissue\n")
    (tmp_path / "test").mkdir()
    for folder in sorted((tmp_path / "photos").iterdir()):
        if folder.is_dir():
            folder.rename(tmp_path / "test" / folder.name)
    (tmp_path / "test").rename(tmp_path / "photos" / "test")
    return tmp_path / "photos"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """torchvision's weights of ResNet-18 are those of the network returned, fetched from a file here."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    with torch.no_grad():
        model.fc.weight.mul_(10)  # so that logits differ
    path = tmp_path / "resnet18.pth"
    torch.save(model.state_dict(), path)
    path = path.rename(tmp_path / f"resnet18-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "kept"))
    chosen = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setattr(chosen.value, "url", path.as_uri())
    return model


def logits(model: nn.Module, paths: list[Path]) -> torch.Tensor:
    """What torchvision's network says, with torchvision's preprocessing."""
    transform = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    with torch.inference_mode():
        return model(torch.stack([transform(Image.open(path)) for path in paths]))


def test_published_weights_bring_preprocessing_and_class_order(
    capsys: pytest.CaptureFixture[str], photos: Path, published: nn.Module
) -> None:
    source = ["--weights", "torchvision/resnet18.IMAGENET1K_V1"]
    places = {"Tench": 0, "n01443537_goldfish": 1, "toilet_tissue": 999}
    paths = sorted(photos.glob("test/*/*.png"))
    expected = logits(published, paths)
    loss = F.cross_entropy(expected, torch.tensor([places[path.parent.name] for path in paths]))
    assert cli.main(["evaluate", "resnet18", *source, "--data", str(photos), "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["samples"] == 6
    assert found["loss"] == pytest.approx(float(loss), rel=0.01)
    assert (
        "note: photos has 3 of the 1,000 classes of torchvision/resnet18.IMAGENET1K_V1"
        in said.err.splitlines()
    )

    lines = [
        json.loads(line)
        for line in printed(capsys, "predict", "resnet18", *paths, *source, "--json").splitlines()
    ]
    names = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    assert [line["labels"][0] for line in lines] == [names[place] for place in expected.argmax(1)]
    best = [line["probabilities"][0] for line in lines]
    assert best == pytest.approx(expected.softmax(1).amax(1).tolist(), abs=0.03)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Weights with a record: three classes, pictures of 24 × 24, blue first."""
    torch.manual_seed(0)
    path = tmp_path / "recorded.safetensors"
    preprocessing = Preprocessing(
        (104.0, 117.0, 123.0), (60.0, 50.0, 40.0), 1.0, "BGR", (24, 24), 0.75, "bicubic"
    )
    model = build_model("cifar-resnet8", inputs=(3, 24, 24), outputs=3)
    save_weights(
        model, path, preprocessing=preprocessing, classes=("ant", "bee", "cat"), name="cifar-resnet8"
    )
    return path


def test_a_run_keeps_what_its_weights_brought(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, recorded: Path
) -> None:
    for number, name in enumerate(("cat", "ant")):
        for index in range(10):
            smooth(tmp_path / "photos" / name / f"{index}.png", 100 * number + index)
    run, weights = str(tmp_path / "run"), ["--model.weights", str(recorded)]
    out = printed(
        capsys, "train", "cifar-resnet8", "--data", tmp_path / "photos", *weights, "--out", run, *QUICK
    )
    assert "note: photos has 2 of the 3 classes of " in out
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert data["classes"] == ["ant", "bee", "cat"]
    assert data["preprocessing"] == {
        "mean": [104.0, 117.0, 123.0],
        "std": [60.0, 50.0, 40.0],
        "scale": 1.0,
        "channels": "BGR",
        "size": [24, 24],
        "keep": 0.75,
        "interpolation": "bicubic",
    }
    kept = json.loads(printed(capsys, "evaluate", run, "--json"))
    assert kept["samples"] == 4
    # The run on other pictures, in another order and of other sizes, is the same network.
    smooth(tmp_path / "others" / "test" / "cat" / "1.png", 1)
    (tmp_path / "others" / "classes.txt").write_text("cat\nbee\n")
    others = json.loads(printed(capsys, "evaluate", run, "--data", tmp_path / "others", "--json"))
    assert others["samples"] == 1
    picture = tmp_path / "others" / "test" / "cat" / "1.png"
    line = json.loads(printed(capsys, "predict", run, picture, "--json"))
    probability = dict(zip(line["labels"], line["probabilities"], strict=True))["cat"]
    assert others["loss"] == pytest.approx(-np.log(probability), abs=1e-4)


def test_what_a_run_knows_itself_is_not_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    printed(capsys, "train", "digits-mlp", "--out", run, *QUICK)
    mean = ["--model.mean", "0.5", "--model.std", "0.5"]
    for command in (["evaluate", run], ["predict", run, "x.png"]):
        assert "has its own weights; leave --weights out" in told(capsys, *command, "--weights", "x.pt")
        assert "knows how it sees pictures" in told(capsys, *command, *mean)
        assert "knows how it sees pictures" in told(capsys, *command, "--data.size", "8")
    assert "leave --classes out" in told(capsys, "predict", run, "x.png", "--classes", "x.txt")


def test_what_has_to_be_said_of_weights_without_a_record(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, recorded: Path
) -> None:
    smooth(tmp_path / "picture.png", 0)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    (tmp_path / "two.txt").write_text("a\nb\n")
    bare = tmp_path / "bare.safetensors"
    save_file(build_model("cifar-resnet8", inputs=(3, 24, 24), outputs=3).state_dict(), bare)
    call = ["predict", "cifar-resnet8", tmp_path / "picture.png"]
    assert "no trained weights of its own" in told(capsys, *call)
    call += ["--weights", bare]
    assert "does not name its classes; give --classes FILE" in told(capsys, *call)
    named = [*call, "--classes", tmp_path / "classes.txt"]
    assert "say it: --data.size, --model.mean" in told(capsys, *named, "--data.size", "24")
    mean = "--model.mean 0.5 0.5 0.5 --model.std 0.5 0.5 0.5".split()
    assert "say it: --data.size" in told(capsys, *named, *mean)
    said = json.loads(printed(capsys, *named, *mean, "--data.size", "24", "--json"))
    assert set(said["labels"]) == {"a", "b", "c"}
    two = [*call, "--classes", tmp_path / "two.txt", *mean, "--data.size", "24"]
    assert "linear.weight (3, 64) instead of (2, 64)" in told(capsys, *two)
    # With a record nothing needs to be said.
    said = json.loads(printed(capsys, *call[:-1], recorded, "--json"))
    assert set(said["labels"]) == {"ant", "bee", "cat"}

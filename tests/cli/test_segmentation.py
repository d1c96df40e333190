"""A task that answers for pixels, from the command line, with nothing in the loop for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import cli
from pellucid.data.shapes import scene
from pellucid.runs.folder import RunFolder
from pellucid.runs.recordings import read_probes, read_recordings

NETWORK = '''
from torch import nn

def small(inputs, outputs):
    """Two convolutions: enough to tell the bright from the dark."""
    return nn.Sequential(
        nn.Conv2d(inputs[0], 12, 5, padding=2),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, outputs, 3, padding=1),
    )
'''


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """Generated scenes, 32 pixels, as pictures with masks of two classes on disk: background and shape."""
    root = tmp_path_factory.mktemp("set")
    for split, count, start in (("train", 24, 0), ("test", 6, 100)):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for i in range(count):
            found = scene(0, start + i, 32)
            Image.fromarray(found.image.transpose(1, 2, 0)).save(root / f"{split}/images/{i}.png")
            Image.fromarray((found.semantic > 0).astype(np.uint8)).save(root / f"{split}/masks/{i}.png")
    (root / "classes.txt").write_text("background\nshape\n")
    (root / "network.py").write_text(NETWORK)
    return root


def arguments(root: Path) -> list[str]:
    """A small training with all that moves pixels."""
    return [
        *("pictures-unet", "--data", str(root), "--model.name", f"{root / 'network.py'}:small"),
        *"--epochs 3 --batch-size 4 --augment.window 24 --augment.balance 0.5 --augment.elastic 1".split(),
        *"--hardware.threads 1 --hardware.device cpu --hardware.precision fp32 --save-every 0".split(),
    ]


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    assert cli.main(["train", *arguments(photographs), "--out", str(path)]) == 0
    return path


def test_it_trains_and_reports(run):
    kept = RunFolder.open(run).read_evaluation("test")
    evaluation, pictures = kept
    assert evaluation.metrics["mIoU"] > 0.3
    assert {"Dice-background", "IoU-shape", "boundary-F", "loss"} <= evaluation.metrics.keys()
    assert evaluation.outputs.shape == (6, 4)
    assert evaluation.targets.shape == (0,), "whole label maps are not kept of every picture"
    assert pictures.keys() == evaluation.exhibits.keys()
    for maps in evaluation.exhibits.values():
        assert {name: each.shape for name, each in maps.items()} == dict.fromkeys(
            ("said", "true", "doubt"), (32, 32)
        )
    judged = evaluation.outputs.reshape(6, 2, 2).sum(0)
    assert np.trace(judged) / judged.sum() == pytest.approx(evaluation.metrics["pixel-accuracy"])
    page = (run / "report.html").read_text()
    for heading in ("Class by class", "Picture by picture", "What it said along training"):
        assert f"<h2>{heading}</h2>" in page
    watched = len(read_probes(run / "recordings").pictures)
    for each in read_recordings(run / "recordings"):
        assert each.exhibits["said"].shape == (watched, 32, 32), "maps as small as these are kept of all"


def test_it_evaluates_again(run, capsys):
    assert cli.main(["evaluate", str(run), "--device", "cpu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["mIoU"] == RunFolder.open(run).read_evaluation("test")[0].metrics["mIoU"]


def test_it_predicts_label_maps_of_any_size(run, photographs, tmp_path, capsys):
    Image.fromarray(np.full((37, 53, 3), 90, np.uint8)).save(tmp_path / "other.png")
    first = photographs / "test/images/0.png"
    out = tmp_path / "masks"
    assert cli.main(["predict", str(run), str(first), str(tmp_path / "other.png"), "--out", str(out)]) == 0
    one, other = capsys.readouterr().out.splitlines()
    assert "background" in one
    assert one.endswith(f"→ {out / '0.mask.png'}")
    assert "other.mask.png" in other
    with Image.open(out / "0.mask.png") as mask:
        assert mask.mode == "P"
        said = np.array(mask)
    index = [p.name for p in sorted((photographs / "test/images").iterdir())].index("0.png")
    exhibits = RunFolder.open(run).read_evaluation("test")[0].exhibits
    np.testing.assert_array_equal(said, exhibits[index]["said"])
    with Image.open(out / "other.mask.png") as mask:
        assert mask.size == (53, 37)
    assert cli.main(["predict", str(run), str(first), "--out", str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert sum(record["shares"].values()) == pytest.approx(1)
    assert record["mask"] == str(out / "0.mask.png")


def test_a_class_is_explained_over_its_pixels(run, photographs, tmp_path, capsys):
    pictures = [str(photographs / "test/images" / name) for name in ("0.png", "1.png")]
    assert cli.main(["explain", str(run), *pictures, "--target", "shape", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["grid"] for each in records] == [[32, 32]] * 2
    assert all(each["target"].startswith("shape (1), where it is said (") for each in records)
    Image.fromarray(np.full((37, 53, 3), 90, np.uint8)).save(tmp_path / "other.png")
    assert cli.main(["explain", str(run), *pictures, str(tmp_path / "other.png")]) == 2
    assert "37 × 53 pixels" in capsys.readouterr().err


def test_it_goes_on_bit_for_bit(run, photographs, tmp_path):
    """Stopped after some steps by its own `stop`, and resumed."""
    from pellucid.cli.train import read_call
    from pellucid.recipes.experiment import run_recipe
    from pellucid.runs import checkpoint as checkpoints
    from pellucid.training.events import Stepped

    recipe = read_call(arguments(photographs)).recipe
    for after in (2, 9):
        events = run_recipe(recipe, tmp_path / "again", resume=after == 9)
        for event in events:
            if isinstance(event, Stepped) and event.step == after:
                break
        events.close()
    assert list(run_recipe(recipe, tmp_path / "again", resume=True))
    whole, again = (checkpoints.load(path / "checkpoints/last").weights for path in (run, tmp_path / "again"))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_mistakes_are_told_in_a_line(photographs, tmp_path, capsys):
    network = f"{photographs / 'network.py'}:small"
    assert cli.main(["train", "resnet18", "--data", str(photographs)]) == 2
    assert "a class for every pixel" in capsys.readouterr().err
    assert cli.main(["train", "pictures-unet", "--model.name", network, "--data", "digits"]) == 2
    assert "no label maps" in capsys.readouterr().err
    assert cli.main(["data", "check", str(photographs)]) == 0
    assert "pictures with label maps, 24 train, 6 test" in capsys.readouterr().out


def test_grey_data_are_read_in_colour_where_weights_want_it(run, tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / "test" / folder).mkdir(parents=True)
        (tmp_path / "train" / folder).mkdir(parents=True)
    for split in ("train", "test"):
        for i in range(2):
            grey = Image.fromarray(scene(0, i, 32).image.mean(0).astype(np.uint8))
            grey.save(tmp_path / f"{split}/images/{i}.png")
            mask = (scene(0, i, 32).semantic > 0).astype(np.uint8)
            Image.fromarray(mask).save(tmp_path / f"{split}/masks/{i}.png")
    (tmp_path / "classes.txt").write_text("background\nshape\n")
    assert cli.main(["evaluate", str(run), "--data", str(tmp_path), "--device", "cpu"]) == 0
    assert "mIoU" in capsys.readouterr().out


def pairs(root: Path, labels: dict[str, list[np.ndarray]]) -> Path:
    """Grey pictures of 20 × 28 with the label maps of each split."""
    for split, maps in labels.items():
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for i, labels_of_one in enumerate(maps):
            picture = np.random.default_rng(i).integers(0, 256, (20, 28), dtype=np.uint8)
            Image.fromarray(picture).save(root / f"{split}/images/{i}.png")
            Image.fromarray(labels_of_one).save(root / f"{split}/masks/{i}.png")
    return root


def test_a_label_that_only_a_test_picture_has_is_noted(photographs, tmp_path, capsys):
    two, three = np.tri(20, 28, dtype=np.uint8), 2 * np.tri(20, 28, dtype=np.uint8)
    data = pairs(tmp_path / "data", {"train": [two, two], "test": [two, three]})
    call = ["train", *arguments(photographs), "--data", str(data), *"--epochs 1 --augment.window 16".split()]
    assert cli.main([*call, "--out", str(tmp_path / "a")]) == 0
    assert "no training sample was seen to show 2, which then cannot be learnt" in flat(capsys)
    (data / "classes.txt").write_text("below\nabove\n")
    assert cli.main([*call, "--out", str(tmp_path / "b")]) == 0
    said = flat(capsys)
    assert "1 file was left out (test/images/1.png: " in said
    assert "no training sample" not in said


def test_a_split_without_a_judged_pixel_is_refused(tmp_path, capsys):
    two, void = np.tri(20, 28, dtype=np.uint8), np.full((20, 28), 255, np.uint8)
    for split, other in (("train", "test"), ("test", "train")):
        data = pairs(tmp_path / split, {split: [void], other: [two]})
        (data / "classes.txt").write_text("below\nabove\n")
        assert cli.main(["data", "check", str(data)]) == 1
        assert "pictures with label maps, unusable as it is" in flat(capsys)
        assert cli.main(["train", "unet-bn-8", "--data", str(data)]) == 2
        said = f"none of the {split} pictures can be used with labels; {split}/images/0.png: no pixel of its"
        assert said in flat(capsys)


def flat(capsys: pytest.CaptureFixture[str]) -> str:
    """All that was printed, on one line."""
    return " ".join("".join(capsys.readouterr()).split())

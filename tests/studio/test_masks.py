"""The results of a run that gives every pixel a class, as the studio tells them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from starlette.testclient import TestClient

from pellucid.data.settings import DataSettings
from pellucid.data.shapes import scene
from pellucid.recipes.experiment import open_run, run_recipe
from pellucid.recipes.recipe import ModelSettings
from pellucid.recipes.segmentation import pictures_unet
from pellucid.runs.folder import RunFolder
from pellucid.studio.app import House
from pellucid.studio.masks import picture_figure
from pellucid.studio.results import data_of
from pellucid.training.settings import HardwareSettings, RecorderSettings

NAME = "pixels"


@pytest.fixture(scope="module")
def run(house: House, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small network trained for an epoch on scenes of background and shape."""
    root = tmp_path_factory.mktemp("set")
    for split, start in (("train", 0), ("test", 50)):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for i in range(6):
            found = scene(0, start + i, 32)
            PIL.Image.fromarray(found.image.transpose(1, 2, 0)).save(root / f"{split}/images/{i}.png")
            PIL.Image.fromarray((found.semantic > 0).astype(np.uint8)).save(root / f"{split}/masks/{i}.png")
    (root / "classes.txt").write_text("background\nshape\nnothing\n")
    recipe = pictures_unet()
    recipe = replace(
        recipe,
        model=ModelSettings("unet-bn-8"),
        data=DataSettings(path=root),
        training=replace(
            recipe.training,
            epochs=1,
            batch_size=3,
            recorder=RecorderSettings(probes=2),
            hardware=HardwareSettings(device="cpu", precision="fp32", threads=1, workers=0),
        ),
    )
    path = house.networks.runs / NAME
    assert list(run_recipe(recipe, path))
    return RunFolder.open(path)


def test_classes_and_pictures_are_the_tests_own(asking: TestClient, run: RunFolder) -> None:
    told = asking.get(f"/api/runs/{NAME}/masks").json()
    kept = run.read_evaluation("test")
    assert kept is not None
    evaluation, _ = kept
    matrices = evaluation.outputs.reshape(6, 3, 3)
    matrix = matrices.sum(0)
    right, either = np.diag(matrix), matrix.sum(0) + matrix.sum(1)
    for row, each in enumerate(told["classes"][:2]):
        assert each["iou"] == pytest.approx(right[row] / (either[row] - right[row]), abs=1e-6)
        assert each["dice"] == pytest.approx(2 * right[row] / either[row], abs=1e-6)
    assert [each["name"] for each in told["classes"]] == ["background", "shape", "nothing"]
    assert told["classes"][2]["share"] == 0
    assert told["metrics"]["mIoU"] == pytest.approx(evaluation.metrics["mIoU"])
    scores = [each["iou"] for each in told["pictures"]]
    assert scores == sorted(scores)
    assert {each["index"] for each in told["pictures"]} == set(range(6))
    assert told["baselines"][0] == pytest.approx(matrix.sum(1).max() / matrix.sum() / 2)
    assert told["legend"].startswith("<figure")


def test_a_picture_is_shown_as_it_was_judged(asking: TestClient, house: House, run: RunFolder) -> None:
    opened = open_run(run.path)
    model = house.networks[f"run:{NAME}"].opened.model
    figure = picture_figure(opened, model, data_of(opened), 4)
    assert [panel.caption.partition(",")[0] for panel in figure.panels] == [
        *("picture", "truth", "prediction", "errors", "doubt")
    ]
    kept = run.read_evaluation("test")
    assert kept is not None
    matrix = kept[0].outputs[4].reshape(3, 3)
    wrong = 100 * (1 - np.trace(matrix) / matrix.sum())
    assert float(figure.panels[3].caption.split()[1]) == pytest.approx(wrong, abs=0.11)
    told = asking.get(f"/api/runs/{NAME}/masks/4").json()
    assert told["title"] == figure.title
    assert told["html"].startswith("<figure")


def test_the_training_can_be_seen_again(asking: TestClient, run: RunFolder) -> None:
    """Filters, maps, gradients, and what was said at every recorded step."""
    assert run.recordings.exists()
    answer = asking.get(f"/api/runs/{NAME}/at/2")
    assert answer.status_code == 200
    assert {"predictions", "maps", "filters", "gradients"} <= {each["title"] for each in answer.json()}


def test_what_there_is_not(asking: TestClient, run: RunFolder) -> None:
    assert asking.get(f"/api/runs/{NAME}/masks/6").status_code == 422
    assert asking.get("/api/runs/elsewhere/masks").status_code == 422
    assert asking.get(f"/api/runs/{NAME}/results").json()["confusion"] == []  # of pixels `masks` tells

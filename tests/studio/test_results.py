"""From a run's test to a map of its pictures."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from pellucid.cli import main
from pellucid.runs.folder import RunFolder
from pellucid.studio.app import House


@pytest.fixture(scope="module")
def run(house: House) -> str:
    assert main(["train", "digits-lenet5", "--epochs", "1", "--out", str(house.networks.runs / "r")]) == 0
    return "r"


def test_cells_and_mistakes_are_those_of_the_evaluation(asking: TestClient, house: House, run: str) -> None:
    kept = RunFolder.open(house.networks.run_path(run)).read_evaluation("test")
    assert kept is not None
    evaluation = kept[0]
    said = evaluation.outputs.argmax(1)
    told = asking.get(f"/api/runs/{run}/results").json()
    assert np.trace(np.array(told["confusion"])) == (said == evaluation.targets).sum()
    assert np.sum(told["confusion"]) == len(said)
    worst = told["mistakes"][0]
    cell = asking.get(f"/api/runs/{run}/results/cell", params={k: worst[k] for k in ("truth", "said")}).json()
    assert worst in cell
    curves = asking.get(f"/api/runs/{run}/results/curves").json()
    assert "ROC" in curves[0]["html"]


def test_a_map_has_a_point_for_each_test_picture(asking: TestClient, run: str) -> None:
    job = asking.post(f"/api/runs/{run}/results/embedding", json={"method": "pca"}).json()["id"]
    for _ in range(1200):
        if asking.get(f"/api/jobs/{job}").json()["state"] == "done":
            break
        time.sleep(0.05)
    about = asking.get(f"/api/embeddings/{job}").json()
    answer = asking.get(f"/api/embeddings/{job}/points")
    points = np.frombuffer(answer.content, "<f4").reshape(json.loads(answer.headers["x-shape"]))
    results = asking.get(f"/api/runs/{run}/results").json()
    assert points.shape == (about["count"], 4) == (np.sum(results["confusion"]), 4)
    counts = np.bincount(points[:, 2].astype(int), minlength=10)
    assert counts.tolist() == np.sum(results["confusion"], axis=1).tolist()
    assert sorted(points[:, 3].astype(int)) == list(range(len(points)))
    assert len(about["colours"]) == len(about["classes"]) == 10


def test_too_much_to_draw_is_refused_in_words(asking: TestClient, run: str) -> None:
    asked = asking.post(f"/api/runs/{run}/results/embedding", json={"method": "magic"})
    assert asked.status_code == 422
    assert asking.get("/api/embeddings/999").status_code == 422


def test_what_labels_its_pictures_but_not_its_answers_has_no_confusion(
    asking: TestClient, house: House
) -> None:
    words = ["--data.name", "digits", "--epochs", "1", "--recorder.probes", "2"]
    assert main(["train", "mnist-vae", *words, "--out", str(house.networks.runs / "vae")]) == 0
    told = asking.get("/api/runs/vae/results").json()
    assert (told["classes"], told["confusion"], told["mistakes"]) == ([], [], [])
    assert told["metrics"]["PSNR"] > 0
    for route in ("results/curves", "results/cell?truth=1&said=0"):
        refused = asking.get(f"/api/runs/vae/{route}")
        assert refused.status_code == 422
        assert "no classifier" in refused.json()["detail"]

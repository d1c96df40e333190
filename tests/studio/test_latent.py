"""The space of codes of a run, and pictures painted: the routes tell and show what the library gives."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from starlette.testclient import TestClient

from pellucid.cli import main
from pellucid.data.decode import decode
from pellucid.inspection.latent import Plane, linear_walk, spherical_walk
from pellucid.inspection.projection import project
from pellucid.recipes.coder import open_coder
from pellucid.studies.latent import Space
from pellucid.studio.app import House
from pellucid.studio.latent import MOST
from pellucid.synthesis.style import stylise
from pellucid.synthesis.style_settings import StyleSettings


@pytest.fixture(scope="module")
def space(house: House) -> Space:
    runs: Path = house.networks.runs
    words = ["--data.name", "digits", "--epochs", "1", "--task.code", "3", "--recorder.probes", "4"]
    assert main(["train", "mnist-vae", *words, "--out", str(runs / "coder")]) == 0
    coder, data = open_coder(str(runs / "coder"))
    return Space.of(coder, data, most=MOST)


def get(client: TestClient, route: str, **asked: Any) -> Any:
    answer = client.get(f"/api/{route}", params={"run": "coder", **asked})
    assert answer.status_code == 200, answer.text
    return answer


def pixels(content: bytes) -> Any:
    return np.asarray(PIL.Image.open(io.BytesIO(content)))


def test_a_space_is_found_and_told(asking: TestClient, space: Space) -> None:
    assert [each["run"] for each in asking.get("/api/spaces").json()] == ["coder"]
    told = get(asking, "space").json()
    assert (told["code"], told["count"], told["variational"]) == (3, len(space.codes), True)
    assert "% of their variance" in told["words"]
    numbers = get(asking, "space", axes="2,0").json()
    assert numbers["axes"] == ["number 2", "number 0"]
    assert "the others are 0" in numbers["words"]


def test_the_map_is_the_projection_s(asking: TestClient, space: Space) -> None:
    found = np.frombuffer(get(asking, "space/points").content, "<f4").reshape(-1, 4)
    expected = project(space.codes.numpy(), "pca").places
    np.testing.assert_allclose(found[:, :2], expected, atol=1e-4)
    assert found[:, 2].tolist() == space.found.labels.tolist()
    assert found[:, 3].tolist() == space.found.indices.tolist()


def test_places_come_back_from_their_codes(space: Space) -> None:
    for plane in (Plane.principal(space.codes), Plane.of_numbers(space.codes, (2, 1), prior=False)):
        places = torch.tensor([[0.5, -1.0], [2.0, 0.25]])
        torch.testing.assert_close(plane.places(plane.codes(places)), places)
        torch.testing.assert_close(plane.axes @ plane.axes.T, torch.eye(2), atol=1e-5, rtol=0)
    numbers = Plane.of_numbers(space.codes, (2, 1), prior=False).codes(torch.tensor([[7.0, -7.0]]))[0]
    assert numbers.tolist() == pytest.approx([float(space.codes[:, 0].mean()), -7.0, 7.0], abs=1e-5)


def test_a_place_is_decoded(asking: TestClient, space: Space) -> None:
    code = torch.tensor([[0.5, -1.5, 0.0]])
    shown = pixels(get(asking, "space/decoded", x=0.5, y=-1.5, axes="0,1").content)
    np.testing.assert_array_equal(shown, space.coder.decode(code)[0])
    box = {"left": -1, "right": 1, "low": -2, "high": 2, "side": 2, "axes": "0,1"}
    grid = pixels(get(asking, "space/grid", **box).content)
    height, width = shown.shape[:2]
    np.testing.assert_array_equal(
        grid[height:, :width], space.coder.decode(torch.tensor([[-0.5, -1.0, 0.0]]))[0]
    )


def test_a_sample_there_and_back(asking: TestClient, space: Space) -> None:
    told = get(asking, "space/sample", index=7).json()
    row = space.row(7)
    assert told["code"] == pytest.approx(space.codes[row].tolist(), abs=1e-4)
    assert told["error"] == pytest.approx(float(space.found.errors[row]))
    shown = [pixels(get(asking, "space/picture", index=7, made=made).content) for made in (False, True)]
    np.testing.assert_array_equal(shown[0], space.pictures(torch.tensor([row]))[0])
    np.testing.assert_array_equal(shown[1], space.coder.decode(space.codes[row : row + 1])[0])


@pytest.mark.parametrize(("way", "walk"), [("linear", linear_walk), ("spherical", spherical_walk)])
def test_a_walk_is_the_library_s(asking: TestClient, space: Space, way: str, walk: Any) -> None:
    codes = walk(space.codes[space.row(3)], space.codes[space.row(9)], 5)
    strip = pixels(get(asking, "space/walk/pictures", start=3, end=9, way=way, steps=5).content)
    np.testing.assert_array_equal(strip, np.concatenate(list(space.coder.decode(codes)), 1))
    path = get(asking, "space/walk", start=3, end=9, steps=5).json()[way]
    expected = Plane.principal(space.codes).places(codes)
    np.testing.assert_allclose(np.reshape(path, (-1, 2)), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("route", "asked", "said"),
    [
        ("space", {"axes": "0,3"}, "numbers 0 to 2"),
        ("space", {"axes": "tsne"}, "a plane is pca, or two numbers"),
        ("space/sample", {"index": 99999}, "were looked at"),
        ("space/decoded", {"x": 1e9, "y": 0}, "within"),
        ("space/decoded", {"x": "nan", "y": 0}, "within"),
        ("space/grid", {"left": 1, "right": -1, "low": 0, "high": 1}, "grid"),
        ("space/walk", {"start": 0, "end": 1, "steps": 9999}, "steps"),
        ("space", {"run": "nothing"}, "no run is called"),
        ("space", {"run": "../coder"}, "no run is called"),
    ],
)
def test_what_is_not_there_is_told(
    asking: TestClient, space: Space, route: str, asked: dict[str, Any], said: str
) -> None:
    answer = asking.get(f"/api/{route}", params={"run": "coder", **asked})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_replay_shows_what_came_back(asking: TestClient, space: Space) -> None:
    steps = next(run for run in asking.get("/api/runs").json() if run["name"] == "coder")["steps"]
    titles = [each["title"] for each in asking.get(f"/api/runs/coder/at/{steps[-1]}").json()]
    assert titles[0] == "back"
    assert "predictions" not in titles  # a code is no answer about classes


def ended(asking: TestClient, job: str) -> Any:
    for _ in range(1200):
        found = asking.get(f"/api/jobs/{job}").json()
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.05)
    raise AssertionError("the picture is not painted in time")


def test_a_picture_is_painted_as_the_library_paints(
    asking: TestClient, house: House, pictures: list[str]
) -> None:
    asked = {"network": "cifar-resnet8", "content": pictures[0], "style": pictures[1], "side": 40, "steps": 6}
    layers = asking.get("/api/style/layers", params={"network": "cifar-resnet8"}).json()
    job = asking.post("/api/style", json={**asked, "keep_colours": True, "variation": 5}).json()["id"]
    assert ended(asking, job)["state"] == "done"
    told = asking.get(f"/api/style/{job}").json()
    opened = house.networks["cifar-resnet8"].opened
    content, style = (decode(house.pictures[each].content) for each in pictures[:2])
    how = StyleSettings(side=40, steps=6, variation=5, colours="content", every=5)
    *_, last = stylise(opened.model, content, style, opened.preprocessing, how)
    shown = pixels(asking.get(f"/api/style/{job}/picture").content)
    np.testing.assert_array_equal(shown, last.pixels().transpose(1, 2, 0))
    assert {name: values[-1] for name, values in told["losses"].items()} == pytest.approx(dict(last.losses))
    assert (told["at"], told["finished"]) == ([5, 6], True)
    assert [told["content_layers"], told["style_layers"]] == [layers["content"], layers["style"]]
    assert "--colours content" in told["command"]
    compile(told["python"], "program", "exec")


def test_a_painting_can_be_cancelled(asking: TestClient, pictures: list[str]) -> None:
    asked = {"network": "cifar-resnet8", "content": pictures[0], "style": pictures[1], "side": 512}
    job = asking.post("/api/style", json={**asked, "steps": 500}).json()["id"]
    asking.delete(f"/api/jobs/{job}")
    assert ended(asking, job)["state"] == "cancelled"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"side": 4000}, "longer side of 32 to 512"),
        ({"style_layers": ["layer9"]}, "layer9"),
        ({"content_weight": 0, "style_weight": 0}, "not both 0"),
        ({"content": "nothing"}, "no picture has the id"),
    ],
)
def test_paintings_that_cannot_be(
    asking: TestClient, pictures: list[str], asked: dict[str, Any], said: str
) -> None:
    usual = {"network": "cifar-resnet8", "content": pictures[0], "style": pictures[1]}
    answer = asking.post("/api/style", json={**usual, **asked})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_grey_picture_is_painted_as_others_are(asking: TestClient, pictures: list[str]) -> None:
    stream = io.BytesIO()
    PIL.Image.fromarray(np.arange(2400, dtype=np.uint8).reshape(40, 60)).save(stream, "PNG")
    grey = asking.post("/api/pictures", content=stream.getvalue()).json()["id"]
    asked = {"network": "cifar-resnet8", "content": grey, "style": pictures[1], "side": 32, "steps": 1}
    job = asking.post("/api/style", json=asked).json()["id"]
    assert ended(asking, job)["state"] == "done"
    assert pixels(asking.get(f"/api/style/{job}/picture").content).shape[2] == 3

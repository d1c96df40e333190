"""What the routes tell of a network are the library's own numbers."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import PIL.Image
import pytest
import torch
from starlette.testclient import TestClient

from pellucid.data.decode import load_picture
from pellucid.inspection.capture import capture
from pellucid.inspection.layer_table import layer_table
from pellucid.recipes.opened import open_network
from pellucid.studio.app import House
from pellucid.studio.openapi import fingerprint

NETWORK = "cifar-resnet8"


def test_the_anatomy_is_the_layer_table(asking: TestClient) -> None:
    opened = open_network(NETWORK)
    expected = layer_table(opened.model, [torch.empty(1, *opened.shape, device="meta")])
    told = asking.get("/api/table", params={"network": NETWORK}).json()
    assert [row["address"] for row in told["rows"]] == [row.address for row in expected.rows]
    assert [row["multiply_adds"] for row in told["rows"]] == [row.multiply_adds for row in expected.rows]
    about = asking.get("/api/network", params={"network": NETWORK}).json()
    assert about["parameters"] == sum(p.numel() for p in opened.model.parameters())
    assert "not trained" in about["notes"][0]


def test_a_graph_opens_where_it_is_asked_to(asking: TestClient) -> None:
    folded = asking.get("/api/graph", params={"network": NETWORK}).json()
    some = next(node["address"] for node in folded["nodes"] if node["opens"])
    opened = asking.get("/api/graph", params={"network": NETWORK, "opened": [some]}).json()
    assert some not in {node["address"] for node in opened["nodes"]}
    assert some in {group["address"] for group in opened["groups"]}
    for graph in (folded, opened):
        assert len(graph["paths"]) == len(graph["sources"]) == len(graph["targets"])
        for source, target in zip(graph["sources"], graph["targets"], strict=True):
            assert source < target  # edges go forward
        for node in graph["nodes"]:
            x0, y0, x1, y1 = node["box"]
            assert 0 <= x0 < x1 <= graph["width"] + 0.1
            assert 0 <= y0 < y1 <= graph["height"] + 0.1


def test_maps_are_what_the_layer_gave(asking: TestClient, house: House, picture: str) -> None:
    opened = open_network(NETWORK)
    content = house.pictures[picture].content
    inputs = opened.inputs(load_picture(content, opened.preprocessing)[None])
    layer = next(name for name, module in opened.model.named_modules() if isinstance(module, torch.nn.Conv2d))
    with torch.inference_mode(), capture(opened.model, layer) as seen:
        output = opened.model(inputs)
    asked = {"network": NETWORK, "picture": picture, "address": layer}
    answer = asking.get("/api/layer/values", params=asked)
    values = np.frombuffer(answer.content, "<f4").reshape(json.loads(answer.headers["x-shape"]))
    np.testing.assert_allclose(values, seen.outputs[layer, 0][0].numpy(), rtol=1e-5, atol=1e-5)
    one = asking.get("/api/layer/values", params={**asked, "channel": 2})
    np.testing.assert_array_equal(np.frombuffer(one.content, "<f4").reshape(values[2].shape), values[2])
    info = asking.get("/api/layer", params=asked).json()
    assert info["shape"] == list(values.shape)
    assert info["high"] >= float(values.max()) - 1e-6
    sheet = PIL.Image.open(io.BytesIO(asking.get("/api/layer/sheet", params=asked).content))
    assert sheet.size[0] == info["columns"] * info["tile"][1]
    said = asking.get("/api/prediction", params={"network": NETWORK, "picture": picture}).json()
    best = said["classes"][0]
    assert best["index"] == int(output[0].argmax())
    assert best["probability"] == pytest.approx(float(output.softmax(1)[0].max()), rel=1e-4)


@pytest.mark.parametrize(
    ("route", "asked"),
    [
        ("layer", {"address": "layer9"}),
        ("layer/values", {"address": "conv99"}),
        ("layer", {"picture": "nothing"}),
        ("layer", {"network": "resnet51"}),
    ],
)
def test_what_does_not_exist_is_told(
    asking: TestClient, picture: str, route: str, asked: dict[str, str]
) -> None:
    answer = asking.get(
        f"/api/{route}", params={"network": NETWORK, "picture": picture, "address": "", **asked}
    )
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) > 20


def test_thumbnails_have_a_row_for_each_address(asking: TestClient, picture: str) -> None:
    asked = {"network": NETWORK, "picture": picture, "address": [":input", "nonsense"]}
    image = PIL.Image.open(io.BytesIO(asking.get("/api/thumbnails", params=asked).content))
    pixels = np.asarray(image)
    assert pixels.shape == (128, 256, 4)
    assert pixels[:64, :192, 3].min() == 255  # three channels
    assert pixels[64:].max() == 0


def test_the_types_of_the_pages_are_those_of_the_server() -> None:
    from pathlib import Path

    schema = Path(__file__).parents[2] / "web" / "src" / "api" / "schema.d.ts"
    first = schema.read_text().splitlines()[0]
    assert first.endswith(fingerprint()), "the interface changed: make the types anew with web/types.sh"


def done(asking: TestClient, job: str) -> str:
    """How a job ended."""
    for _ in range(1200):
        told = asking.get(f"/api/jobs/{job}").json()
        if told["state"] not in ("waiting", "running"):
            return f"{told['state']} {told['message']}".strip()
        time.sleep(0.05)
    raise AssertionError(f"job {job} does not end")


def test_gradients_are_those_of_autograd(asking: TestClient, house: House, picture: str) -> None:
    opened = open_network(NETWORK)
    inputs = opened.inputs(load_picture(house.pictures[picture].content, opened.preprocessing)[None])
    hidden: list[torch.Tensor] = []
    handle = opened.model.get_submodule("layer2").register_forward_hook(
        lambda *given: hidden.append(given[2])
    )
    score = opened.model(inputs).max()
    handle.remove()
    (expected,) = torch.autograd.grad(score, hidden)
    asked = {"network": NETWORK, "picture": picture, "address": "layer2", "of": "gradient"}
    answer = asking.get("/api/layer/values", params=asked)
    values = np.frombuffer(answer.content, "<f4").reshape(json.loads(answer.headers["x-shape"]))
    np.testing.assert_allclose(values, expected[0].numpy(), rtol=1e-4, atol=1e-7)
    assert asking.get("/api/layer", params=asked).json()["scale"] == "signed"


def test_what_a_node_costs_is_its_row_of_the_table(asking: TestClient) -> None:
    told = asking.get("/api/layer/about", params={"network": NETWORK, "address": "layer2"}).json()
    rows = asking.get("/api/table", params={"network": NETWORK}).json()["rows"]
    assert told["row"] == next(row for row in rows if row["address"] == "layer2")
    top, left, bottom, right = told["window"]
    assert 0 <= top < bottom <= 32
    assert 0 <= left < right <= 32
    assert asking.get("/api/layer/about", params={"network": NETWORK, "address": "x"}).status_code == 422


def test_a_picture_grows_until_it_excites_a_channel(asking: TestClient) -> None:
    asked = {"network": NETWORK, "address": "layer1[2]"}
    job = asking.post("/api/excitations", json=asked).json()["id"]
    assert done(asking, job) == "done"
    grown = asking.get(f"/api/excitations/{job}").json()
    assert grown["finished"]
    assert grown["score"] > 0
    image = PIL.Image.open(io.BytesIO(asking.get(f"/api/excitations/{job}/picture").content))
    assert image.size == (32, 32)
    wrong = asking.post("/api/excitations", json={**asked, "address": "layer1[999]"}).json()["id"]
    assert done(asking, wrong).startswith("failed layer1[999]")


def test_the_most_exciting_pictures_are_the_librarys(asking: TestClient, house: House) -> None:
    opened = house.networks[NETWORK].opened
    asked = {"network": NETWORK, "address": "conv1[3]", "data": "digits"}
    job = asking.post("/api/examples", json=asked).json()["id"]
    assert done(asking, job).startswith("done")
    told = asking.get(f"/api/examples/{job}", params={"channel": 3}).json()
    values = [each["value"] for each in told["examples"]]
    assert values == sorted(values, reverse=True)
    best = told["examples"][0]
    file = asking.get(f"/api/examples/{job}/picture", params={"index": best["index"]}).content
    picture = torch.from_numpy(np.asarray(PIL.Image.open(io.BytesIO(file)).convert("RGB")).copy())
    with torch.inference_mode(), capture(opened.model, "conv1") as seen:
        opened.model(opened.inputs(picture.permute(2, 0, 1)[None]))
    assert best["value"] == pytest.approx(float(seen.outputs["conv1", 0][0, 3].max()), rel=1e-4)
    assert asking.get(f"/api/examples/{job}", params={"channel": 999}).status_code == 422

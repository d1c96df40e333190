"""What if: the routes' numbers are the library's, and the network is as it was, whoever asks at once."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from starlette.testclient import TestClient
from torch import Tensor

from pellucid.data.decode import load_picture
from pellucid.explain.baselines import covered
from pellucid.inspection.changing import changing
from pellucid.recipes.opened import OpenedNetwork, open_network
from pellucid.studio.app import House
from pellucid.types.change import parse_change

NETWORK = "cifar-resnet8"


@pytest.fixture(scope="module")
def opened() -> OpenedNetwork:
    """A copy of the studio's network, with the same weights."""
    return open_network(NETWORK)


@pytest.fixture(scope="module")
def inputs(opened: OpenedNetwork, house: House, picture: str) -> Tensor:
    return opened.inputs(load_picture(house.pictures[picture].content, opened.preprocessing)[None])


@pytest.fixture(scope="module")
def convolutions(opened: OpenedNetwork) -> list[str]:
    return [name for name, module in opened.model.named_modules() if isinstance(module, torch.nn.Conv2d)]


def ask(client: TestClient, picture: str, **question: Any) -> dict[str, Any]:
    answer = client.post("/api/whatif", json={"network": NETWORK, "picture": picture, **question})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def logits(told: dict[str, Any], part: str) -> dict[int, float]:
    return {each["index"]: each[f"logit_{part}"] for each in told["classes"]}


def test_changes_are_the_library_s(
    asking: TestClient, picture: str, opened: OpenedNetwork, inputs: Tensor, convolutions: list[str]
) -> None:
    changes = [
        f"{convolutions[1]}[2] * 0",
        f"{convolutions[2]}[1] * 3",
        f"{convolutions[0]}.weight[0, 1] = " + ", ".join(["0.5"] * 9),
    ]
    boxes = [[2, 3, 12, 20], [-4, 25, 9, 60]]
    told = ask(asking, picture, changes=changes, boxes=boxes, fill="black", most=10)
    hidden = covered(inputs, [(2, 3, 12, 20), (-4, 25, 9, 60)], "black", opened.preprocessing)
    with torch.inference_mode():
        before = opened.model(inputs)[0]
        with changing(opened.model, [*map(parse_change, changes)], [hidden]) as network:
            after = network(hidden)[0]
    assert logits(told, "before") == pytest.approx(dict(enumerate(before.tolist())), rel=1e-4, abs=1e-5)
    assert logits(told, "after") == pytest.approx(dict(enumerate(after.tolist())), rel=1e-4, abs=1e-5)
    assert told["moved"] == pytest.approx(
        float((before.softmax(0) - after.softmax(0)).abs().sum() / 2), rel=1e-3, abs=1e-6
    )
    assert told["moved"] > 0
    nothing = ask(asking, picture)
    assert nothing["moved"] == pytest.approx(0, abs=1e-6)


def test_nothing_is_saved_into_the_network_from_several_threads(
    asking: TestClient, house: House, picture: str, convolutions: list[str]
) -> None:
    model = house.networks[NETWORK].opened.model
    state = {name: value.clone() for name, value in model.state_dict().items()}
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    params = {"network": NETWORK, "picture": picture}
    said = asking.get("/api/prediction", params=params).json()["classes"]
    questions: list[dict[str, Any]] = [
        {"changes": [f"{convolutions[at % 4]}[{at}] * {at - 2}"]} for at in range(6)
    ]
    questions.append({"changes": [f"{convolutions[0]}.weight[0, 0] = 1 1 1 1 1 1 1 1 1"]})
    questions.append({"boxes": [[0, 0, 30, 30]], "fill": "mean"})
    alone = [ask(asking, picture, **each) for each in questions]
    assert len({round(each["moved"], 7) for each in alone}) > 4
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            together = [pool.submit(ask, asking, picture, **each) for each in questions]
            for found, expected in zip(together, alone, strict=True):
                assert found.result()["classes"] == expected["classes"]
    assert asking.get("/api/prediction", params=params).json()["classes"] == said
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert hooks == [
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    ]


def test_a_kernel_is_shown_and_written_back(
    asking: TestClient, picture: str, opened: OpenedNetwork, convolutions: list[str]
) -> None:
    asked = {"network": NETWORK, "address": f"{convolutions[1]}[3]", "source": 2}
    told = asking.get("/api/whatif/kernel", params=asked).json()
    weight = opened.model.get_submodule(convolutions[1]).get_parameter("weight")
    np.testing.assert_allclose(told["values"], weight[3, 2].flatten().tolist())
    assert told["shape"] == [3, 3]
    assert told["inputs"] == weight.shape[1]
    same = ask(asking, picture, changes=[f"{told['parameter']} = {', '.join(map(str, told['values']))}"])
    assert same["moved"] == pytest.approx(0, abs=1e-5)


def test_the_picture_is_what_the_network_is_shown(asking: TestClient, picture: str) -> None:
    params = {"network": NETWORK, "picture": picture}
    seen = pixels(asking.get(f"/api/pictures/{picture}/seen", params={"network": NETWORK}).content)
    plain = pixels(asking.get("/api/whatif/picture", params=params).content)
    assert np.abs(seen.astype(int) - plain).max() <= 1
    box = {"box": ["4,6,10,20"], "fill": "black"}
    hidden = pixels(asking.get("/api/whatif/picture", params={**params, **box}).content)
    assert not hidden[4:10, 6:20].any()
    hidden[4:10, 6:20] = plain[4:10, 6:20]
    np.testing.assert_array_equal(hidden, plain)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB")).copy()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"changes": ["nowhere[0] * 0"]}, "no layer"),
        ({"changes": ["gibberish"]}, "a change like"),
        ({"changes": [" * 0"] * 300}, "at most 200"),
        ({"boxes": [[5, 5, 5, 9]]}, "room in it"),
        ({"boxes": [[0, 0, 1, 1]], "fill": "pink"}, "baseline"),
        ({"network": "cifar-resnet9"}, "did you mean"),
    ],
)
def test_what_cannot_be_is_told(
    asking: TestClient, picture: str, question: dict[str, Any], said: str
) -> None:
    answer = asking.post("/api/whatif", json={"network": NETWORK, "picture": picture, **question})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "1,2,3,99999999", "²,1,3,3"])
def test_boxes_that_are_none(asking: TestClient, picture: str, box: str) -> None:
    asked = {"network": NETWORK, "picture": picture, "box": box}
    assert asking.get("/api/whatif/picture", params=asked).status_code == 422

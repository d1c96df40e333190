"""The Basics: what the routes tell are the studies' own numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from pellucid.ops.filters import KERNELS, Sliding, filtered, kernel_of
from pellucid.studies.activations import curve
from pellucid.studies.initialisation import InitialisationStudy, passages
from pellucid.studies.neuron import NeuronStudy, landscape, learn, network, walk_through, weights_of
from pellucid.studies.optimisers import OPTIMISERS, SURFACES, OptimisersStudy, race
from pellucid.studies.points import points_of
from pellucid.studies.pooling import POOLINGS, edges, responses
from pellucid.studio.app import House
from pellucid.studio.basics import small


def get(client: TestClient, route: str, **asked: Any) -> Any:
    answer = client.get(f"/api/basics/{route}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(client: TestClient, route: str, **asked: Any) -> Any:
    answer = client.post(f"/api/basics/{route}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_choices_are_the_library_s(asking: TestClient) -> None:
    told = get(asking, "choices")
    assert told["optimisers"] == list(OPTIMISERS)
    assert set(told["kernels"]) == set(KERNELS)
    assert told["poolings"] == list(POOLINGS)


def test_a_network_learns_as_the_study_does(asking: TestClient) -> None:
    study = NeuronStudy("xor", hidden=3, rate=0.8, seed=2)
    begun = post(asking, "neuron", data="xor", hidden=3, rate=0.8, seed=2, steps=15)
    told = post(
        asking,
        "neuron",
        data="xor",
        hidden=3,
        rate=0.8,
        seed=2,
        steps=10,
        weights=begun["weights"],
        point=[0.2, -0.5, 0],
    )
    model = network(study)
    points, labels = points_of("xor", seed=2)
    losses = learn(model, points, labels, study, 25)
    assert told["weights"] == weights_of(model)
    assert [*begun["losses"][:-1], *told["losses"]] == losses
    probabilities, units = landscape(model)
    np.testing.assert_allclose(told["probabilities"], probabilities.ravel(), atol=1e-4)
    np.testing.assert_allclose(told["units"], units[:, ::2, ::2].reshape(3, -1), atol=1e-3)
    walk = walk_through(model, study, (0.2, -0.5), 0.0)
    assert [node["name"] for node in told["walk"]["nodes"]] == [node.name for node in walk.nodes]
    for node, own in zip(told["walk"]["nodes"], walk.nodes, strict=True):
        np.testing.assert_allclose(node["value"], own.value.ravel())
        assert (node["gradient"] is None) == (own.gradient is None)
        if own.gradient is not None:
            np.testing.assert_allclose(node["gradient"], own.gradient.ravel())
    for edge, line in zip(told["walk"]["edges"], walk.edges, strict=True):
        if line.derivative is not None:
            np.testing.assert_allclose(edge["derivative"], line.derivative.ravel())
    assert [step["name"] for step in told["walk"]["steps"]] == [step.name for step in walk.steps()]


def test_points_of_one_s_own_are_learnt_from(asking: TestClient) -> None:
    plain = post(asking, "neuron", hidden=0, steps=1)
    own = post(asking, "neuron", hidden=0, steps=1, extra=[[1.0, 1.0, 1.0]])
    assert own["points"][-1] == [1.0, 1.0, 1.0]
    assert own["weights"] != plain["weights"]


def test_activations_and_initialisations(asking: TestClient) -> None:
    told = get(asking, "activations")
    np.testing.assert_allclose(told["slopes"]["gelu"], curve("gelu")[1])
    asked = {"activation": "relu", "initialisation": ["he-normal", "zeros"], "depth": 6, "width": 32}
    found = get(asking, "initialisation", **asked)
    study = InitialisationStudy(
        depth=6, width=32, activation=("relu",), initialisation=("he-normal", "zeros")
    )
    for one, own in zip(found, passages(study), strict=True):
        np.testing.assert_allclose(one["signals"], own.signals)
        np.testing.assert_allclose(one["predicted_gradients"], own.predicted_gradients)
    assert found[1]["verdicts"] == ["nothing moves", "nothing moves"]


@pytest.mark.parametrize("name", SURFACES)
def test_a_race_is_torch_s(asking: TestClient, name: str) -> None:
    told = get(asking, "race", surface=name, optimiser=["adam", "momentum"], steps=40)
    for one in told:
        own = race(OptimisersStudy(name, steps=40), one["optimiser"])
        np.testing.assert_array_equal(one["x"], own.places[:, 0])
        np.testing.assert_array_equal(one["values"], own.values)
    about = get(asking, "surface", name=name)
    np.testing.assert_allclose(about["values"], SURFACES[name].map().ravel(), atol=1e-5)
    moved = get(asking, "race", surface=name, optimiser="sgd", steps=5, x=0.5, y=0.25, rate=0.001)
    own = race(replace(OptimisersStudy(name, steps=5), start=(0.5, 0.25), rate=0.001), "sgd")
    np.testing.assert_array_equal(moved[0]["y"], own.places[:, 1])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 2), (3, 2, 1)])
def test_the_window_of_a_pixel_adds_up_to_it(
    asking: TestClient, house: House, picture: str, transposed: bool, stride: int, padding: int, dilation: int
) -> None:
    kernel = [[0.5, -1.0, 2.0], [0.0, 1.5, -0.5], [1.0, 0.25, -2.0]]
    sliding = {"stride": stride, "padding": padding, "dilation": dilation, "transposed": transposed}
    pixels = small(house.pictures[picture], 32)
    expected = filtered(pixels[None, None], torch.tensor(kernel), Sliding(**sliding))[0, 0]
    for place in ([0, 0], [3, 4], [expected.shape[0] - 1, expected.shape[1] - 1]):
        told = post(asking, "convolution", picture=picture, kernel=kernel, side=32, place=place, **sliding)
        assert sum(told["products"]) == pytest.approx(float(expected[place[0], place[1]]), abs=1e-4)
    np.testing.assert_allclose(told["after"]["values"], expected.flatten(), atol=1e-4)
    assert told["bill"]["width"].endswith(f"= {expected.shape[1]}")


def test_kernels_by_size(asking: TestClient) -> None:
    np.testing.assert_allclose(get(asking, "kernel", name="gaussian", size=7), kernel_of("gaussian", 7))


def test_pooling_and_its_moves(asking: TestClient, house: House, picture: str) -> None:
    told = get(asking, "pooling", picture=picture, pooling="max", size=4, right=3, side=80)
    still, moved = (np.reshape(each["values"], (each["height"], each["width"])) for each in told["maps"])
    np.testing.assert_array_equal(moved[:, 3:], still[:, :-3])  # real pixels came in on the left
    pooled = np.reshape(told["pooled"][0]["values"], (told["pooled"][0]["height"], -1))
    assert pooled[0, 0] == still[:4, :4].max()
    shares = get(asking, "pooling/shifts", picture=picture, size=4, side=80)
    own = responses("average", 4, edges(small(house.pictures[picture], 80)), shares["shifts"])
    assert shares["shares"]["average"] == [each.passed_on for each in own]


@pytest.mark.parametrize(
    ("route", "asked", "said"),
    [
        ("neuron", {"data": "circle"}, "did you mean"),
        ("neuron", {"steps": 10**6}, "at once"),
        ("neuron", {"hidden": 400}, "0 to 16"),
        ("neuron", {"weights": {"a": [1.0]}}, "has the weights"),
        (
            "neuron",
            {
                "activation": "linear",
                "hidden": 8,
                "rate": 1000.0,
                "loss": "cross-entropy",
                "steps": 2000,
                "extra": [[1e150, 1e150, 1]],
            },
            "infinite",
        ),
        ("convolution", {"kernel": [[1.0, 2.0]]}, "square"),
        ("convolution", {"kernel": []}, "square"),
        ("convolution", {"kernel": [[1.0]], "stride": 0}, "stride"),
        ("convolution", {"kernel": [[1.0]], "side": 5000}, "16 to 256"),
        ("convolution", {"kernel": [[1.0]], "place": [500, 0]}, "no pixel"),
        ("convolution", {"kernel": [[1.0] * 31] * 31, "side": 20}, "nothing"),
    ],
)
def test_questions_that_cannot_be_asked(
    asking: TestClient, picture: str, route: str, asked: dict[str, Any], said: str
) -> None:
    question = {"picture": picture, **asked} if route == "convolution" else asked
    answer = asking.post(f"/api/basics/{route}", json=question)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("route", "asked", "said"),
    [
        ("initialisation", {"activation": "relu", "initialisation": "he-normal", "depth": 900}, "2 to 60"),
        ("initialisation", {"activation": "rely", "initialisation": "he-normal"}, "relu"),
        ("race", {"surface": "hill", "optimiser": "sgd"}, "surface"),
        ("race", {"surface": "saddle", "optimiser": "sgd", "steps": 10**7}, "steps"),
        ("pooling", {"pooling": "maxi"}, "pooling"),
        ("pooling", {"right": 40}, "up to 16"),
        ("kernel", {"name": "box", "size": 100}, "1 to 31"),
        ("activations", {"reach": -1}, "reach"),
    ],
)
def test_what_does_not_exist_is_told(
    asking: TestClient, picture: str, route: str, asked: dict[str, Any], said: str
) -> None:
    answer = asking.get(f"/api/basics/{route}", params={"picture": picture, **asked})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]

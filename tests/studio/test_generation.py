"""Two players on the plane and a mixture beside them: what the routes tell are the library's own numbers."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from pellucid.data.opening import open_data
from pellucid.data.planar import sample
from pellucid.data.settings import DataSettings
from pellucid.models.naming import build_model
from pellucid.ops.adversarial import generator_loss
from pellucid.ops.random import seed_of
from pellucid.studies.gan import KINDS
from pellucid.studies.gan_lab import PULLED, Lab, Setup, settings_of
from pellucid.studies.mixture import MixtureStudy, expectation_maximisation
from pellucid.studio.generating import AT_ONCE, Labs, moves_of, told
from pellucid.training.events import Stepped
from pellucid.training.loop import fit


def gan(asking: TestClient, **asked: Any) -> Any:
    answer = asking.post("/api/generation/gan", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_moves_of_both_are_the_loop_s_own_steps() -> None:
    setup = Setup(kind="least-squares", seed=3, critic=1.0)
    lab = Lab(setup)
    lab.move("b" * 6)
    data = open_data(DataSettings(name=setup.data))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(setup.seed))
        model = build_model(KINDS[setup.kind].model, inputs=data.info.shape, outputs=1)
        events = fit(model, lab.task, data, settings_of(setup))
        steps = list(islice((each for each in events if isinstance(each, Stepped)), 6))
        events.close()
    assert [dict(each.losses) for each in lab.taken] == [dict(each.losses) for each in steps]
    for mine, loop in zip(lab.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, loop, rtol=0, atol=0)


def test_one_player_moves_and_the_other_does_not() -> None:
    lab = Lab(Setup())
    for letter, moving, still in (("c", "critic", "generator"), ("g", "generator", "critic")):
        before = {name: value.clone() for name, value in lab.model.named_parameters()}
        lab.move(letter)
        changed = {name for name, value in lab.model.named_parameters() if not value.equal(before[name])}
        assert any(name.startswith(moving) for name in changed)
        assert not any(name.startswith(still) for name in changed)
        assert set(lab.taken[-1].norms) == {moving}


def test_an_answer_is_what_the_library_sees(asking: TestClient) -> None:
    found = gan(asking, kind="wgan-gp", data="rings", moves="b5c2g1")
    lab = Lab(Setup(kind="wgan-gp", data="rings"))
    lab.move("bbbbbccg")
    scene = lab.scene()
    np.testing.assert_allclose(np.reshape(found["made"], (-1, 2)), scene.made, atol=6e-4)
    assert found["surface"] == scene.surface.ravel().tolist()
    assert found["measures"] == pytest.approx(dict(scene.measures))
    assert (found["moves"], found["step"], found["parts"]) == ("b5c2g1", 8, 2)
    losses = {course["name"]: course for course in found["courses"]}
    assert losses["critic loss"]["steps"] == [1, 2, 3, 4, 5, 6, 7]
    assert losses["generator loss"]["steps"] == [1, 2, 3, 4, 5, 8]
    assert losses["critic loss"]["values"][-1] == pytest.approx(sum(lab.taken[6].losses.values()))


def test_samples_are_pulled_down_the_generator_s_loss() -> None:
    lab = Lab(Setup(kind="minimax"))
    lab.move("bbb")
    scene, step = lab.scene(), 1e-3
    with torch.no_grad():
        at, pulls = torch.from_numpy(scene.made[:PULLED]), torch.from_numpy(scene.pulls)
        loss = [
            float(generator_loss("minimax", lab.model.score(each, None))) for each in (at, at + step * pulls)
        ]
    expected = -step * float(pulls.square().sum()) / PULLED
    assert loss[1] - loss[0] == pytest.approx(expected, rel=0.05)


def test_many_moves_come_in_parts_and_go_on_where_they_were() -> None:
    labs, setup = Labs(), Setup(seed=1)
    many = AT_ONCE + 5
    first = labs.info(setup, "b" * many)
    assert (first.moves, first.step) == (f"b{AT_ONCE}", AT_ONCE)
    assert labs.info(setup, "b" * many).step == many
    assert labs.info(setup, "b" * many + "c").moves == f"b{many}c1"
    assert labs.info(setup, "c").step == 1  # another course of the same game
    assert len(labs._kept) == 2


def test_moves_are_read_as_they_are_told() -> None:
    assert moves_of("b3cg2") == "bbbcgg"
    assert told(moves_of("b3cg2")) == "b3c1g2"
    assert moves_of("") == told("") == ""


def test_a_critic_that_runs_away_is_named(asking: TestClient) -> None:
    found = gan(asking, kind="least-squares", lr=1.0, critic=100.0, moves="b12")
    assert [each["name"] for each in found["troubles"]] == ["runaway"]
    assert "runs away" in found["troubles"][0]["words"]
    assert found["step"] == 12


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"data": "ring"}, "did you mean 'rings'"),
        ({"kind": "wgan"}, "kind of GAN"),
        ({"moves": "x3"}, "letters with their number"),
        ({"moves": "b99999"}, "moves at most"),
        ({"lr": -1.0}, "learning rate"),
    ],
)
def test_games_that_cannot_be_played(asking: TestClient, asked: dict[str, Any], said: str) -> None:
    answer = asking.post("/api/generation/gan", json=asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_em_is_the_study_s(asking: TestClient) -> None:
    asked = {"data": "moons", "components": 3, "covariance": "diag", "seed": 2, "number": 2}
    found = asking.get("/api/generation/mixture", params=asked).json()
    study = MixtureStudy("moons", iterations=100, beginning="random", seed=2)
    points = sample("moons", 600, 2)[0].astype(np.float64)
    course = list(expectation_maximisation(points, 3, "diag", study, 2))
    assert found["log_likelihood"] == [each.log_likelihood for each in course]
    np.testing.assert_allclose(found["means"], course[1].means)
    np.testing.assert_allclose(
        np.reshape(found["responsibilities"], (-1, 3)), course[1].responsibilities, atol=6e-4
    )
    away = np.reshape(found["ellipses"][0], (-1, 2)) - course[1].means[0]
    distances = np.einsum("nd,de,ne->n", away, np.linalg.inv(course[1].covariances[0]), away)
    np.testing.assert_allclose(distances, 4, rtol=0.1)  # two deviations, squared; coordinates are rounded
    del asked["number"]
    last = asking.get("/api/generation/mixture", params=asked).json()
    assert last["number"] == last["iterations"] == len(course)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"number": 999}, "counted from 1"),
        ({"components": 400}, "up to 16"),
        ({"covariance": "round"}, "covariance"),
        ({"beginning": "middle"}, "beginning"),
        ({"data": "squares"}, "planar distribution"),
    ],
)
def test_mixtures_that_cannot_be(asking: TestClient, asked: dict[str, Any], said: str) -> None:
    answer = asking.get("/api/generation/mixture", params=asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_choices_are_the_library_s(asking: TestClient) -> None:
    found = asking.get("/api/generation/choices").json()
    assert found["kinds"] == list(KINDS)
    assert "swiss-roll" in found["sets"]

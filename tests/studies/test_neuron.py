"""A small network's steps, landscape and walk, against arithmetic done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pellucid.studies.neuron import (
    REACH,
    SIDE,
    NeuronStudy,
    landscape,
    learn,
    loss_of,
    network,
    put_weights,
    walk_through,
    weights_of,
)
from pellucid.studies.points import POINTS, points_of
from pellucid.types.errors import InputError


@pytest.mark.parametrize("name", POINTS)
def test_points_are_balanced_in_the_square_and_a_function_of_the_seed(name: str) -> None:
    points, labels = points_of(name, 120, seed=3)
    assert points.shape == (120, 2)
    assert abs(float(labels.mean()) - 0.5) <= 1 / 120
    assert float(points.abs().max()) < REACH
    assert torch.equal(points, points_of(name, 120, seed=3)[0])
    assert not torch.equal(points, points_of(name, 120, seed=4)[0])


def test_only_the_linear_points_are_parted_by_a_line() -> None:
    shares = {}
    for name in POINTS:
        points, labels = points_of(name)
        line = LogisticRegression(C=1e4).fit(points.numpy(), labels.numpy())
        shares[name] = line.score(points.numpy(), labels.numpy())
    assert shares.pop("linear") > 0.98
    assert max(shares.values()) < 0.75


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_a_step_of_a_neuron_is_the_formula(loss: str) -> None:
    """∂/∂s is p − y for the cross-entropy, and 2 (p − y) p (1 − p) for the squared error."""
    study = NeuronStudy("linear", hidden=0, rate=0.7, loss=loss)  # type: ignore[arg-type]
    model = network(study)
    points, labels = points_of("linear")
    x, y = points.numpy(), labels.numpy()
    w, b = (parameter.detach().numpy().copy() for parameter in model.parameters())
    losses = learn(model, points, labels, study, 1)
    p = 1 / (1 + np.exp(-(x @ w[0] + b)))
    slope = (p - y) if loss == "cross-entropy" else 2 * (p - y) * p * (1 - p)
    told = weights_of(model)
    np.testing.assert_allclose(told["0.weight"], [w[0] - 0.7 * (slope[:, None] * x).mean(0)])
    np.testing.assert_allclose(told["0.bias"], b - 0.7 * slope.mean())
    direct = -(y * np.log(p) + (1 - y) * np.log(1 - p)) if loss == "cross-entropy" else (p - y) ** 2
    assert losses[0] == pytest.approx(direct.mean())
    assert losses[1] < losses[0]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("hidden", [0, 3])
def test_the_walk_s_gradients_are_those_of_the_loss(activation: str, loss: str, hidden: int) -> None:
    study = NeuronStudy(hidden=hidden, activation=activation, loss=loss)  # type: ignore[arg-type]
    model = network(study)
    point, label = torch.tensor([[0.4, -0.7]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    found = walk_through(model, study, point[0].tolist(), 1.0)
    value = loss_of(model(point)[:, 0], label, loss)
    assert float(found.node(found.result).value) == pytest.approx(float(value.detach()))
    gradients = torch.autograd.grad(value, list(model.parameters()))
    names = ("W1", "b1", "w2", "b2") if hidden else ("w", "b")
    for name, gradient in zip(names, gradients, strict=True):
        np.testing.assert_allclose(found.node(name).gradient, gradient.numpy(), rtol=1e-9, atol=1e-12)
    assert found.node("x").gradient is None


def test_the_landscape_is_the_network_at_places() -> None:
    study = NeuronStudy(hidden=3)
    model = network(study)
    probabilities, units = landscape(model)
    assert probabilities.shape == (SIDE, SIDE)
    assert units.shape == (3, SIDE, SIDE)
    top_right = torch.tensor([[REACH, REACH]], dtype=torch.float64)
    assert probabilities[0, -1] == pytest.approx(float(torch.sigmoid(model(top_right)).detach()))
    np.testing.assert_allclose(units[:, 0, -1], model[:2](top_right)[0].detach().numpy())


def test_learning_goes_on_where_it_was_left() -> None:
    study = NeuronStudy("circles", hidden=4, rate=1.0)
    points, labels = points_of("circles")
    at_once, in_parts = network(study), network(study)
    learn(at_once, points, labels, study, 30)
    learn(in_parts, points, labels, study, 12)
    again = network(replace(study, seed=5))
    put_weights(again, weights_of(in_parts))
    learn(again, points, labels, study, 18)
    assert weights_of(again) == weights_of(at_once)


def test_a_hidden_layer_parts_what_a_neuron_cannot() -> None:
    study = NeuronStudy("xor", hidden=6, rate=2.0, steps=600)
    assert study.run().numbers["accuracy"] > 0.97
    found = replace(study, hidden=0).run()
    assert found.numbers["accuracy"] < 0.7
    assert "What it learnt" in found.page().to_html()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "circle"}, "did you mean 'circles'"),
        ({"activation": "tan"}, "tanh"),
        ({"hidden": 99}, "0 to 16"),
        ({"steps": -1}, "steps"),
        ({"loss": "error"}, "squared-error"),
        ({"points": 1}, "4 to 2,000"),
        ({"rate": 0.0}, "above 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(NeuronStudy(), **settings).run()


@pytest.mark.parametrize("weights", [{}, {"0.weight": [[1.0, 2.0]], "0.bias": [float("nan")]}])
def test_weights_of_another_network(weights: dict[str, object]) -> None:
    with pytest.raises(InputError):
        put_weights(network(NeuronStudy(hidden=0)), weights)  # type: ignore[arg-type]

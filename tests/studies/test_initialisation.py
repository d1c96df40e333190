"""The study of initialisations: what is measured is what theory predicts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special

from pellucid.runs.log import json_text
from pellucid.studies import STUDIES
from pellucid.studies.initialisation import (
    ACTIVATIONS,
    InitialisationStudy,
    Passage,
    gaussian_means,
    passages,
    predicted,
    verdict,
)
from pellucid.types.errors import InputError, UnknownNameError
from pellucid.views.marks import Lines

SMALL = InitialisationStudy(depth=4, width=32)


def sigmoid(x: float) -> float:
    return float(special.expit(x))


def normal(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# Each activation and its derivative, written down by hand.
FORMULAS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "leaky-relu": (lambda x: x if x > 0 else 0.01 * x, lambda x: 1.0 if x > 0 else 0.01),
    "elu": (lambda x: x if x > 0 else math.expm1(x), lambda x: 1.0 if x > 0 else math.exp(x)),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * normal(x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "linear": (lambda x: x, lambda x: 1.0),
}


@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 20.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gaussian_means_are_the_integrals(activation: str, q: float) -> None:
    found = gaussian_means(ACTIVATIONS[activation](), q)
    for mean, function in zip(found, FORMULAS[activation], strict=True):

        def weighted(z: float, function: Callable[[float], float] = function) -> float:
            return normal(z) * function(math.sqrt(q) * z) ** 2

        expected = sum(integrate.quad(weighted, *ends)[0] for ends in ((-9, 0), (0, 9)))
        assert mean == pytest.approx(expected, rel=1e-5 if activation == "elu" else 1e-8)


def test_the_papers_arithmetic() -> None:
    """He et al. 2015: with v = 2 / n a rectifier's variance stays, with Xavier's it halves at every layer.

    Glorot & Bengio 2010: without a non-linearity, Xavier's stays.
    """
    square = (100, 100)
    for found in predicted(square, 30, "relu", "he-normal"):
        np.testing.assert_allclose(found / found[0], 1, rtol=1e-9)
    signals, gradients = predicted(square, 30, "relu", "xavier-uniform")
    np.testing.assert_allclose(signals, 0.5 ** np.arange(30), rtol=1e-9)
    np.testing.assert_allclose(gradients[::-1], 0.5 ** np.arange(30), rtol=1e-9)
    np.testing.assert_allclose(predicted(square, 30, "linear", "xavier-normal"), 1, rtol=1e-9)
    leaky = predicted(square, 2, "leaky-relu", "he-normal")[0]
    assert leaky[1] / leaky[0] == pytest.approx(1 + 0.01**2)


# How much the mean of squares of n values φ(z) varies: E[φ⁴] / E[φ²]² - 1, at most; tanh flattens the tails.
SPREAD = {"relu": 5.0, "linear": 2.0, "tanh": 2.0}


@pytest.mark.parametrize("network", ["dense", "convolutional"])
def test_measured_is_predicted(network: str) -> None:
    """Logarithms of variances walk at random around the prediction, a step of variance spread / width a
    layer.
    """
    width = 256 if network == "dense" else 64
    study = InitialisationStudy(
        network=network,  # type: ignore[arg-type]
        depth=8,
        width=width,
        activation=tuple(SPREAD),
        initialisation=("naive-normal", "xavier-normal", "xavier-uniform", "he-normal", "he-uniform"),
    )
    found = list(passages(study))
    assert len(found) == 15
    for each in found:
        allowed = 4 * np.sqrt(SPREAD[each.activation] / width * (1 + np.arange(8)))
        signals = np.abs(np.log(each.signals / each.predicted_signals))
        gradients = np.abs(np.log(each.gradients / each.predicted_gradients))[::-1]
        assert (signals < allowed).all(), each
        assert (gradients < allowed).all(), each
        for values in (each.signals, each.gradients):
            assert values.shape == (8,)


def test_he_keeps_what_naive_loses_over_thirty_layers() -> None:
    study = InitialisationStudy(activation=("relu",), initialisation=("he-normal", "naive-normal"))
    he, naive = passages(study)
    assert study.depth == 30
    for ratio in (he.forward, he.backward):
        assert 0.5 < ratio < 2
    assert max(naive.forward, naive.backward) < 1e-40
    assert (verdict(he.forward), verdict(naive.backward)) == ("is kept", "vanishes")


def test_one_seed_decides_and_is_shared() -> None:
    def first(study: InitialisationStudy) -> Passage:
        return next(passages(replace(study, initialisation=("he-normal",))))

    alone = first(replace(SMALL, activation=("tanh",)))
    beside = [*passages(replace(SMALL, activation=("relu", "tanh"), initialisation=("zeros", "he-normal")))]
    np.testing.assert_array_equal(alone.signals, beside[-1].signals)
    np.testing.assert_array_equal(beside[2].signals[0], beside[3].signals[0])  # same weights, same inputs
    assert not np.array_equal(alone.signals, first(replace(SMALL, seed=1, activation=("tanh",))).signals)


def test_with_zeros_nothing_moves_and_it_is_said() -> None:
    found = replace(SMALL, initialisation=("zeros", "he-normal")).run()
    rows = [row for row in found.table.rows if row[1] == "zeros"]
    assert len(rows) == len(ACTIVATIONS)
    assert {row[2:] for row in rows} == {("nothing moves", None, "nothing moves", 0.0)}
    assert "no line for zeros: nothing moves" in found.figure.caption
    only = replace(SMALL, initialisation=("zeros",)).run()
    assert "nothing moves" in only.page().to_html()
    assert only.figure._repr_png_()


def test_vanishing_and_exploding_beyond_all_numbers() -> None:
    deep = replace(
        SMALL, depth=400, activation=("relu", "linear"), initialisation=("naive-normal", "he-normal")
    )
    found = deep.run()
    verdicts = {row[:2]: row[2] for row in found.table.rows}
    assert verdicts["linear", "he-normal"] == "explodes"
    assert verdicts["relu", "naive-normal"] in ("vanishes", "nothing moves")
    json.loads(json_text(found.numbers))
    assert found.figure._repr_png_()


def test_the_figure_has_a_row_for_each_activation_and_a_line_for_each_initialisation() -> None:
    figure = (
        replace(SMALL, activation=("gelu", "relu"), initialisation=("he-normal", "orthogonal")).run().figure
    )
    titles = [panel.title for panel in figure.panels]
    assert titles == ["gelu: signals", "gelu: gradients", "relu: signals", "relu: gradients"]
    for panel in figure.panels:
        predicted_lines, measured = panel.marks
        assert isinstance(measured, Lines)
        assert isinstance(predicted_lines, Lines)
        assert measured.names == ("he-normal", "orthogonal")
        assert panel.y.scale == "log"
    assert len({panel.y.limits for panel in figure.panels}) == 1
    gradients = figure.panels[1].marks[1]
    assert isinstance(gradients, Lines)
    assert gradients.y[0][0] == pytest.approx(1, rel=0.5)  # the loss is on the left


@pytest.mark.parametrize(
    ("ratio", "word"),
    [(1.0, "is kept"), (0.02, "is kept"), (1e-3, "vanishes"), (1e3, "explodes"), (math.inf, "explodes"),
     (0.0, "nothing moves"), (math.nan, "nothing moves")],
)  # fmt: skip
def test_verdicts(ratio: float, word: str) -> None:
    assert verdict(ratio) == word


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'relu'"):
        replace(SMALL, activation=("reluu",)).run()
    with pytest.raises(UnknownNameError, match="'he-normal'"):
        replace(SMALL, initialisation=("he-nomral",)).run()
    with pytest.raises(InputError, match="depth from 2 on"):
        replace(SMALL, depth=1).run()
    with pytest.raises(InputError, match="at least one"):
        replace(SMALL, activation=()).run()


def test_it_is_listed() -> None:
    assert STUDIES["initialisation"] is InitialisationStudy

from __future__ import annotations

import numpy as np
import pytest

from pellucid.views.curves import Curve, learning_rate, over_training, running_mean
from pellucid.views.marks import Lines, Points


def _lines(figure: object) -> list[Lines]:
    return [mark for mark in figure.panels[0].marks if isinstance(mark, Lines)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_running_mean_is_the_mean_of_the_neighbours(width: int) -> None:
    values = np.random.default_rng(0).normal(size=30)
    values[7] = np.nan
    for index, mean in enumerate(running_mean(values, width)):
        near = values[max(0, index - (width - 1) // 2) : index + width // 2 + 1]
        np.testing.assert_allclose(mean, np.nanmean(near) if np.isfinite(near).any() else np.nan)


def test_one_run_has_a_colour_for_each_part_and_every_name() -> None:
    figure = over_training("loss", [Curve([1, 2], [3, 4], part="train"), Curve([1, 2], [5, 4], part="test")])
    train, test = _lines(figure)
    assert (train.names, test.names) == (("train",), ("test",))
    assert train.colours != test.colours
    assert not train.dashed


def test_several_runs_have_a_colour_each_and_dash_training() -> None:
    curves = [Curve([1, 2], [3, 4], run, part) for run in ("a", "b") for part in ("train", "test")]
    lines = _lines(over_training("loss", curves))
    assert [line.names for line in lines] == [("",), ("a",), ("",), ("b",)]
    assert [line.dashed for line in lines] == [True, False, True, False]
    assert lines[0].colours == lines[1].colours != lines[2].colours == lines[3].colours


def test_smoothing_shows_the_raw_values_and_says_so() -> None:
    values = np.random.default_rng(0).normal(size=100)
    figure = over_training("loss", [Curve(np.arange(100), values)], smooth=9)
    raw, smooth = _lines(figure)
    np.testing.assert_array_equal(raw.y[0], values)
    assert raw.opacity < 0.5
    assert smooth.y[0].std() < values.std() / 2
    assert "mean over 9 values" in figure.panels[0].caption
    short = over_training("loss", [Curve(np.arange(20), values[:20])], smooth=9)
    assert len(_lines(short)) == 1
    assert short.panels[0].caption == ""


@pytest.mark.parametrize(("best", "at"), [("max", 3), ("min", 2)])
def test_the_best_value_has_a_dot(best: str, at: float) -> None:
    figure = over_training("x", [Curve([1, 2, 3], [0.5, 0.1, 0.9])], best=best)  # type: ignore[arg-type]
    (dot,) = [mark for mark in figure.panels[0].marks if isinstance(mark, Points)]
    assert dot.x.tolist() == [at]
    nothing = over_training("x", [Curve([1.0], [np.nan])], best=best)  # type: ignore[arg-type]
    assert not [mark for mark in nothing.panels[0].marks if isinstance(mark, Points)]


def test_learning_rate_starts_at_zero() -> None:
    assert learning_rate([0, 1], [0.05, 0.1]).panels[0].y.limits == (0.0, pytest.approx(0.105))
    assert learning_rate([0, 1], [0.0, 0.0]).to_html()

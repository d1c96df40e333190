from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from pellucid.views import classification
from pellucid.views.marks import Bars, Heat, Lines, Matrix, Text

COUNTS = np.array([[8, 2, 0], [1, 9, 0], [0, 5, 5]])
CLASSES = ("cat", "dog", "ant")


@dataclass
class Scores:
    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass
class Roc:
    area: float
    false_positive_rate: np.ndarray = field(default_factory=lambda: np.array([0.0, 1.0]))
    true_positive_rate: np.ndarray = field(default_factory=lambda: np.array([0.0, 1.0]))


@dataclass
class Bin:
    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


def test_confusion_matrix_shades_by_the_share_of_the_row() -> None:
    (panel,) = classification.confusion_matrix(COUNTS, CLASSES).panels
    right, wrong = panel.marks
    assert isinstance(right, Matrix)
    assert isinstance(wrong, Matrix)
    np.testing.assert_allclose(np.diag(right.shades), [0.8, 0.9, 0.5])
    assert np.isnan(right.shades).sum() == 6
    assert np.nanargmax(wrong.shades) == 7  # half of the ants are taken for dogs
    assert wrong.texts[2] == ("", "5", "5")
    assert "“ant” taken for “dog” (50.0 %)" in wrong.names[2][1]
    assert "50.0 %" in panel.caption


def test_confusion_matrix_takes_any_classifier() -> None:
    for counts in (np.zeros((3, 3), int), np.eye(3, dtype=int), COUNTS * 10**6):
        assert classification.confusion_matrix(counts, CLASSES).to_html()
    with pytest.raises(ValueError, match=r"counts \(2, 2\); got \(3, 3\)"):
        classification.confusion_matrix(COUNTS, ("a", "b"))


def test_many_classes_are_a_map_and_no_thousand_elements() -> None:
    counts = np.random.default_rng(0).integers(0, 3, (150, 150)) + 50 * np.eye(150, dtype=int)
    figure = classification.confusion_matrix(counts, [f"class {index}" for index in range(150)])
    assert isinstance(figure.panels[0].marks[0], Heat)
    assert len(figure.to_html()) < 60_000


def test_most_confused_are_in_order_and_never_right() -> None:
    table = classification.most_confused(COUNTS, CLASSES)
    assert [row[:3] for row in table.rows] == [("ant", "dog", 5), ("cat", "dog", 2), ("dog", "cat", 1)]
    assert table.rows[0][3] == "50.0\N{NO-BREAK SPACE}%"


def test_hardest_class_comes_first_and_missing_scores_last() -> None:
    scores = [
        Scores("a", 5, 0.9, 0.9, 0.9),
        Scores("b", 5, 0.5, 0.5, 0.5),
        Scores("c", 0, np.nan, np.nan, np.nan),
    ]
    table = classification.per_class_table(scores)
    assert [row[0] for row in table.rows] == ["b", "a", "c"]
    assert table.rows[2][2:] == (None, None, None)
    bars = classification.per_class(scores).panels[0].marks[0]
    assert isinstance(bars, Bars)
    assert [name[0] for name in bars.names] == [
        "a",
        "b",
        "c",
    ]  # upwards: the hardest on top but for the missing


def test_f1_of_many_classes_shows_both_ends_and_says_so() -> None:
    scores = [Scores(f"class {index}", 5, 0.5, 0.5, index / 100) for index in range(100)]
    scores += [Scores("absent", 0, np.nan, np.nan, np.nan)]
    (panel,) = classification.per_class(scores).panels
    bars, zero = panel.marks
    assert isinstance(bars, Bars)
    shown = [int(name.split(":")[0].split()[1]) for name in bars.names]
    assert shown == [99, 98, 97, 96, 95, *range(19, -1, -1)]  # upwards: the hardest on top
    assert np.diff(bars.at).tolist().count(2.0) == 1  # a gap where classes are left out
    assert panel.y.ticks is not None
    assert [word for _, word in panel.y.ticks][5] == "⋯"
    assert "20 hardest and the 5 best of 100 classes. 1 class without an F1" in panel.caption
    assert isinstance(zero, Text)  # a bar of no length is told from a row without one
    assert zero.y == bars.at[-1]


def test_f1_of_a_few_known_among_many_classes_shows_these() -> None:
    scores = [Scores(f"class {index}", 5, 0.5, 0.5, 0.0 if index < 24 else np.nan) for index in range(1000)]
    (panel,) = classification.per_class(scores).panels
    assert len(panel.marks[0].at) == 24  # type: ignore[attr-defined]
    assert panel.caption.startswith("The 24 classes with an F1. 976 classes without")
    scores = [Scores(f"class {index}", 5, 0.5, 0.5, 0.0) for index in range(1000)]
    assert "1,000 have an F1 of 0" in classification.per_class(scores).panels[0].caption


def test_roc_names_the_worst_classes() -> None:
    figure = classification.roc({"a": Roc(0.99), "b": Roc(0.7), "c": Roc(0.8), "d": Roc(np.nan)}, named=2)
    named = [mark.names[0] for mark in figure.panels[0].marks if isinstance(mark, Lines) and mark.names[0]]
    assert named == ["c 0.800", "b 0.700"]  # the worst is drawn last, on top


def test_reliability_leaves_empty_bins_out() -> None:
    bins = [Bin(0.0, 0.5, 0, np.nan, np.nan), Bin(0.5, 1.0, 4, 0.9, 0.75)]
    shown, amount = classification.reliability(bins, 0.15).panels
    bars = next(mark for mark in shown.marks if isinstance(mark, Bars))
    assert (bars.at.tolist(), bars.values.tolist()) == ([0.75], [0.75])
    assert "15.0 %" in shown.caption
    assert amount.marks[0].values.tolist() == [1.0]  # type: ignore[attr-defined]

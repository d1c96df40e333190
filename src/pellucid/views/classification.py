"""How good a classifier is, and where it errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis, number, thin
from pellucid.views.colours import unsigned
from pellucid.views.contents import Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Heat, Lines, Mark, Matrix, Text
from pellucid.views.words import LETTER, counted, widest

Floats = NDArray[np.float64]
_BARS, _HARDEST, _BEST = 30, 20, 5  # classes with a bar; of more, so many from either end
WRITTEN = 20  # up to so many classes, each cell of the confusion matrix has its number


class ClassScores(Protocol):
    """What is measured of one class; scores in [0, 1] or NaN, `support` in samples."""

    @property
    def label(self) -> str: ...
    @property
    def support(self) -> int: ...
    @property
    def precision(self) -> float: ...
    @property
    def recall(self) -> float: ...
    @property
    def f1(self) -> float: ...


class RocCurve(Protocol):
    """(n,) rates in [0, 1] and the area under them."""

    @property
    def false_positive_rate(self) -> Floats: ...
    @property
    def true_positive_rate(self) -> Floats: ...
    @property
    def area(self) -> float: ...


class PrecisionRecallCurve(Protocol):
    """(n,) values in [0, 1], recall growing, and the average precision."""

    @property
    def precision(self) -> Floats: ...
    @property
    def recall(self) -> Floats: ...
    @property
    def average_precision(self) -> float: ...


class ReliabilityBin(Protocol):
    """Samples with a confidence in (lower, upper]: how many, their mean confidence, the fraction that is
    right.
    """

    @property
    def lower(self) -> float: ...
    @property
    def upper(self) -> float: ...
    @property
    def count(self) -> int: ...
    @property
    def confidence(self) -> float: ...
    @property
    def accuracy(self) -> float: ...


def confusion_matrix(counts: NDArray[np.integer[Any]], classes: Sequence[str]) -> Figure:
    """`counts` (k, k): how many samples of class *row* were taken for class *column*.

    Up to 20 classes have every number written, with the right ones blue and the wrong ones orange; more
    classes are a map of each row's fractions.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"expected counts ({len(classes)}, {len(classes)}); got {counts.shape}")
    support = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(support, 1)
    if len(classes) > WRITTEN:
        return _large_confusion(share, classes)
    wrong = np.where(np.eye(len(classes), dtype=bool), 0, share)
    worst = float(wrong.max(initial=0))
    names = tuple(
        tuple(
            f"{counts[i, j]:,} of {support[i, 0]:,} “{row}” taken for “{column}” ({100 * share[i, j]:.1f} %)"
            for j, column in enumerate(classes)
        )
        for i, row in enumerate(classes)
    )
    texts = tuple(tuple(str(count) if count else "" for count in row) for row in counts.tolist())
    right = np.where(np.eye(len(classes), dtype=bool), share, np.nan)
    faults = np.where(np.eye(len(classes), dtype=bool), np.nan, 0.8 * wrong / worst if worst else wrong)
    marks = Matrix(right, "blue", texts, names), Matrix(faults, "orange", texts, names)
    ticks = tuple((index + 0.5, name) for index, name in enumerate(classes))
    panel = Panel(
        marks,
        frame=(len(classes), len(classes)),
        x=Axis("predicted class", ticks=ticks),
        y=Axis("true class", ticks=ticks),
        width=min(110 + 48 * len(classes), 820) + widest(classes) * LETTER,
        caption="Blue: the share of a true class that is recognised, full at 100 %. "
        f"Orange: the share taken for another, fullest at {100 * worst:.1f} %. Numbers are samples.",
    )
    return Figure((panel,), "Confusion matrix", columns=1)


def _large_confusion(share: Floats, classes: Sequence[str]) -> Figure:
    least = share[share > 0].min(initial=1.0)
    values = np.log10(np.maximum(share, least / 2))
    scale = unsigned(values, "log₁₀ of the share of the true class")
    ticks = thin(classes, 40)
    panel = Panel(
        (Heat(values, scale),),
        frame=(len(classes), len(classes)),
        x=Axis("predicted class", ticks=ticks),
        y=Axis("true class", ticks=ticks),
        key=scale,
        width=680 + widest(word for _, word in ticks) * LETTER,
        caption=f"All {len(classes)} classes, in the same order on both axes. Darkest: never.",
    )
    return Figure((panel,), "Confusion matrix", columns=1)


def most_confused(counts: NDArray[np.integer[Any]], classes: Sequence[str], most: int = 10) -> Table:
    """The pairs of different classes that are mistaken most often, by samples."""
    counts = np.asarray(counts)
    support = np.maximum(counts.sum(axis=1), 1)
    wrong = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(classes)) for place in order]
    rows = tuple(
        (classes[i], classes[j], int(wrong[i, j]), f"{100 * wrong[i, j] / support[i]:.1f}\N{NO-BREAK SPACE}%")
        for i, j in pairs
        if wrong[i, j]
    )
    return Table(
        ("true class", "taken for", "samples", "of the class"), rows, "The most frequent confusions."
    )


def per_class_table(scores: Sequence[ClassScores]) -> Table:
    """Precision, recall and F1 of each class, the hardest class first."""
    ordered = sorted(scores, key=lambda each: (each.f1 != each.f1, each.f1))
    rows = tuple((each.label, each.support, *_shown(each)) for each in ordered)
    caption = (
        "By F1, the hardest class first. Precision: of what was called so, how much is. "
        "Recall: of what is, how much was found."
    )
    return Table(
        ("class", "samples", "precision", "recall", "F1"), rows, caption, bars=("precision", "recall", "F1")
    )


def _shown(scores: ClassScores) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in (scores.precision, scores.recall, scores.f1))


def per_class(scores: Sequence[ClassScores]) -> Figure:
    """F1 of each class as bars, the hardest on top; of more than 30 classes the hardest 20 and the best 5."""
    ordered = sorted(scores, key=lambda each: -1.0 if each.f1 != each.f1 else each.f1, reverse=True)
    rows, caption = _extremes(ordered) if len(ordered) > _BARS else (ordered, "")
    shown = [(index + 0.5, each) for index, each in enumerate(rows) if each]
    names = tuple(
        f"{each.label}: F1 {number(each.f1)}, {counted(each.support, 'sample')}" for _, each in shown
    )
    values = np.array([each.f1 for _, each in shown], np.float64)
    bars = Bars(np.array([at for at, _ in shown]), values, names=names, lying=True)
    zeros = tuple(Text(0.008, at, "0", colour="muted") for at, each in shown if each.f1 == 0)
    ticks = tuple((index + 0.5, each.label if each else "⋯") for index, each in enumerate(rows))
    panel = Panel(
        (bars, *zeros),
        x=Axis("F1", limits=(0, 1)),
        y=Axis(ticks=ticks, limits=(0, len(rows))),
        height=float(max(24 * len(rows), 96)),
        width=560,
        caption=caption,
    )
    return Figure((panel,), "F1 of each class", columns=1)


def _extremes(ordered: Sequence[ClassScores]) -> tuple[list[ClassScores | None], str]:
    """The rows shown of many classes, best first with a gap before the hardest, and the words that say so."""
    known: list[ClassScores | None] = [each for each in ordered if each.f1 == each.f1]
    missing = len(ordered) - len(known)
    without = (
        f" {counted(missing, 'class')} without an F1: no sample, and never predicted." if missing else ""
    )
    if len(known) <= _HARDEST + _BEST:
        return known, f"The {counted(len(known), 'class')} with an F1.{without}"
    words = f"The {_HARDEST} hardest and the {_BEST} best of {counted(len(known), 'class')}.{without}"
    nothing = sum(1 for each in known if each and not each.f1)
    if nothing > _HARDEST:
        words += f" {nothing:,} have an F1 of 0."
    return [*known[:_BEST], None, *known[-_HARDEST:]], words


def roc(curves: Mapping[str, RocCurve], named: int = 3) -> Figure:
    """True against false positive rate, one class against the rest: the `named` classes with the least area
    stand out.
    """
    drawn = {
        name: (curve.false_positive_rate, curve.true_positive_rate, curve.area)
        for name, curve in curves.items()
    }
    chance = Lines((np.array([0.0, 1.0]),), (np.array([0.0, 1.0]),), ("",), ("faint",), 1, dashed=True)
    panel = Panel(
        (chance, *_highlighted(drawn, named)),
        x=Axis("false positive rate", limits=(-0.01, 1)),
        y=Axis("true positive rate", limits=(0, 1.01)),
        aspect=1.25,
        width=480,
        caption=_highlight_caption(len(drawn), named, "area under the curve"),
    )
    return Figure((panel,), "ROC, each class against the rest", columns=1)


def precision_recall(curves: Mapping[str, PrecisionRecallCurve], named: int = 3) -> Figure:
    """Precision against recall, one class against the rest: the `named` classes with the least average
    precision stand out.
    """
    drawn = {name: (curve.recall, curve.precision, curve.average_precision) for name, curve in curves.items()}
    panel = Panel(
        tuple(_highlighted(drawn, named)),
        x=Axis("recall", limits=(0, 1.01)),
        y=Axis("precision", limits=(0, 1.01)),
        aspect=1.25,
        width=480,
        caption=_highlight_caption(len(drawn), named, "average precision"),
    )
    return Figure((panel,), "Precision and recall, each class against the rest", columns=1)


def _highlighted(curves: Mapping[str, tuple[Floats, Floats, float]], named: int) -> list[Mark]:
    """The worst curves in colour with their names, on top of the others in grey."""
    known = {name: curve for name, curve in curves.items() if np.isfinite(curve[2])}
    order = sorted(known, key=lambda name: known[name][2])
    marks: list[Mark] = []
    for name in reversed(order[named:]):
        x, y, _ = known[name]
        marks.append(Lines((x,), (y,), ("",), ("faint",), 1.25, 0.8))
    for index, name in reversed(list(enumerate(order[:named]))):
        x, y, area = known[name]
        marks.append(Lines((x,), (y,), (f"{name} {area:.3f}",), (("orange", "pink", "blue")[index % 3],)))
    return marks


def _highlight_caption(count: int, named: int, what: str) -> str:
    others = f"; the other {count - named} in grey" if count > named else ""
    return f"Named: the classes with the least {what}, which is the number{others}."


def reliability(bins: Sequence[ReliabilityBin], error: float) -> Figure:
    """Confidence against accuracy; `error` is the expected calibration error. The bars below say how many
    samples there are.
    """
    full = [each for each in bins if each.count]
    confidence = np.array([each.confidence for each in full], np.float64)
    accuracy = np.array([each.accuracy for each in full], np.float64)
    total = max(sum(each.count for each in full), 1)
    names = tuple(
        f"confidence {each.lower:.2f}–{each.upper:.2f}: {100 * each.accuracy:.1f} % of {each.count:,} right"
        for each in full
    )
    middles = np.array([(each.lower + each.upper) / 2 for each in full], np.float64)
    width = full[0].upper - full[0].lower if full else 0.1
    ideal = Lines((np.array([0.0, 1.0]),), (np.array([0.0, 1.0]),), ("",), ("faint",), 1, dashed=True)
    right = Bars(middles, accuracy, "blue", names, thickness=width * 0.92, opacity=0.55)
    gap = Lines((confidence,), (accuracy,), ("",), ("orange",), 2)
    calibration = Panel(
        (ideal, right, gap),
        x=Axis("confidence", limits=(0, 1)),
        y=Axis("fraction right", limits=(0, 1.01)),
        aspect=1.25,
        width=480,
        caption=f"Expected calibration error {100 * error:.1f} %. On the dashed line, what is said with "
        "80 % confidence is right 80 % of the time; below it the network is too sure.",
    )
    share = np.array([each.count / total for each in full], np.float64)
    amount = Panel(
        (Bars(middles, share, "cyan", names, thickness=width * 0.92),),
        x=Axis("confidence", limits=(0, 1)),
        y=Axis("share of the samples"),
        aspect=1.25,
        width=480,
    )
    return Figure((calibration, amount), "Calibration")

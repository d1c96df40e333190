"""Label maps over their pictures, where they are wrong, and how good they are by class and by picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis, number, percent
from pellucid.views.classification import WRITTEN
from pellucid.views.colours import ColourScale, class_colours, light, rgb
from pellucid.views.contents import Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Heat, Image, Lines, Matrix, Points, Text
from pellucid.views.pictures import rgb_pixels
from pellucid.views.words import LETTER, counted, widest

Labels = NDArray[np.uint8]
Floats = NDArray[np.float64]

_COLUMNS = 4  # of the legend
_UNSURE = ColourScale("unsigned", 0.0, 1.0, "entropy (1: all classes alike)")


class RegionScores(Protocol):
    """What is measured of one class: its share of the judged pixels; scores in [0, 1] or NaN."""

    @property
    def label(self) -> str: ...
    @property
    def share(self) -> float: ...
    @property
    def accuracy(self) -> float: ...
    @property
    def iou(self) -> float: ...
    @property
    def dice(self) -> float: ...


def overlay(picture: NDArray[Any], labels: Labels, classes: int) -> tuple[Image, Image]:
    """The grey picture, and over it the classes' colours. Labels above the classes, which are not judged,
    leave it as it is, dimmed.
    """
    known = labels < classes
    tints = np.empty((*labels.shape, 4), np.uint8)
    tints[..., :3] = np.where(known[..., None], class_colours(classes)[np.where(known, labels, 0)], 0)
    tints[..., 3] = np.where(known, _opacity(0.62), _opacity(0.65))
    return _grey(picture), Image(tints)


def errors(picture: NDArray[Any], said: Labels, true: Labels, classes: int) -> tuple[Image, Image]:
    """The grey picture, faint, and over it wrong pixels red, those that are not judged nearly black."""
    judged = true < classes
    wrong = judged & (said != true)
    tints = np.full((*true.shape, 4), (233, 233, 233, _opacity(0.6)), np.uint8)
    tints[wrong] = (*rgb(light("bad")), _opacity(0.8))
    tints[~judged] = (0, 0, 0, _opacity(0.8))
    return _grey(picture), Image(tints)


def _grey(picture: NDArray[Any]) -> Image:
    mean = rgb_pixels(picture).mean(axis=2, keepdims=True).round().astype(np.uint8)
    return Image(np.repeat(mean, 3, axis=2))


def _opacity(share: float) -> int:
    return round(255 * share)


def segmented(
    picture: NDArray[Any], maps: Mapping[str, Labels], classes: Sequence[str], title: str = ""
) -> Figure:
    """A picture, (h, w, 3) or (c, h, w), its label map as it is ("true") and as the network says ("said"),
    where these differ, and how unsure it was ("doubt", 0 to 255).
    """
    count, said, true = len(classes), maps["said"], maps["true"]
    shown: dict[str, tuple[Image, ...]] = {
        "picture": (Image(rgb_pixels(picture)),),
        "truth": overlay(picture, true, count),
        "prediction": overlay(picture, said, count),
        f"errors, {percent(_wrong(said, true, count))} of the pixels": errors(picture, said, true, count),
    }
    panels = [Panel(marks, frame=true.shape, caption=caption) for caption, marks in shown.items()]
    doubt = maps["doubt"].astype(np.float64) / 255
    panels.append(Panel((Heat(doubt, _UNSURE),), frame=doubt.shape, caption="doubt", key=_UNSURE))
    return Figure(tuple(panels), title, columns=5)


def _wrong(said: Labels, true: Labels, classes: int) -> float:
    judged = true < classes
    return float((said != true)[judged].mean()) if judged.any() else 0.0


def predicted(pictures: Sequence[NDArray[Any]], maps: Sequence[Labels], classes: Sequence[str]) -> Figure:
    """Predictions over their pictures, beside one another."""
    shown = [overlay(*pair, len(classes)) for pair in zip(pictures, maps, strict=True)]
    panels = tuple(Panel(marks, frame=labels.shape) for marks, labels in zip(shown, maps, strict=True))
    return Figure(panels, columns=max(1, len(panels)))


def compared(
    pictures: Sequence[NDArray[Any]], maps: Mapping[str, Sequence[Labels]], classes: Sequence[str]
) -> Figure:
    """A row for each picture: the picture, then what each of `maps` makes of it, by name."""
    panels = []
    for row, picture in enumerate(pictures):
        pixels = rgb_pixels(picture)
        shown: dict[str, tuple[Image, ...]] = {"picture": (Image(pixels),)}
        shown |= {name: overlay(picture, labels[row], len(classes)) for name, labels in maps.items()}
        panels += [
            Panel(marks, frame=pixels.shape[:2], caption="" if row else name) for name, marks in shown.items()
        ]
    return Figure(tuple(panels), columns=1 + len(maps))


def legend(classes: Sequence[str]) -> Figure:
    """The colour of each class."""
    columns = min(_COLUMNS, len(classes))
    rows = -(-len(classes) // columns)
    marks: list[Image | Text] = []
    for place, (name, colour) in enumerate(zip(classes, class_colours(len(classes)), strict=True)):
        column, row = divmod(place, rows)
        x, y = 10.0 * column, float(row)
        marks.append(Image(colour.reshape(1, 1, 3), (x, x + 0.9, y + 0.2, y + 0.8)))
        marks.append(Text(x + 1.2, y + 0.5, name))
    width = columns * (44 + widest(classes) * LETTER)
    panel = Panel(
        tuple(marks),
        frame=(float(rows), 10.0 * columns),
        x=Axis(ticks=()),
        y=Axis(ticks=()),
        height=22.0 * rows,
        width=width,
    )
    return Figure((panel,), columns=1)


def per_class(scores: Sequence[RegionScores]) -> Figure:
    """IoU of each class that has one as bars, the hardest on top."""
    known = [each for each in scores if each.iou == each.iou]
    ordered = sorted(known, key=lambda each: each.iou, reverse=True)
    at = np.arange(len(ordered)) + 0.5
    names = tuple(f"{each.label}: IoU {number(each.iou)}, {percent(each.share)}" for each in ordered)
    zeros = tuple(
        Text(0.008, place, "0", colour="muted")
        for place, each in zip(at.tolist(), ordered, strict=True)
        if not each.iou
    )
    missing = len(scores) - len(known)
    panel = Panel(
        (Bars(at, np.array([each.iou for each in ordered]), names=names, lying=True), *zeros),
        x=Axis("IoU", limits=(0, 1)),
        y=Axis(ticks=tuple(zip(at.tolist(), (each.label for each in ordered), strict=True))),
        height=float(max(24 * len(ordered), 96)),
        width=560,
        caption=f"{counted(missing, 'class')} neither there nor predicted." if missing else "",
    )
    return Figure((panel,), "IoU of each class", columns=1)


def per_class_table(scores: Sequence[RegionScores]) -> Table:
    """All that is measured of each class, the hardest first."""
    ordered = sorted(scores, key=lambda each: (each.iou != each.iou, each.iou))
    rows = tuple(
        (each.label, percent(each.share), *(_shown(v) for v in (each.iou, each.dice, each.accuracy)))
        for each in ordered
    )
    return Table(
        ("class", "of the pixels", "IoU", "Dice", "accuracy"),
        rows,
        "By IoU, the hardest class first. Accuracy: of the class's pixels, how many were found.",
        bars=("IoU", "Dice", "accuracy"),
    )


def _shown(value: float) -> float | None:
    return None if value != value else value


def confusion(counts: NDArray[np.integer[Any]], classes: Sequence[str]) -> Figure | Table:
    """Which part of each true class's pixels was taken for which class, in per cent: a matrix of up to 20
    classes, of more the greatest confusions.
    """
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    same = np.eye(len(classes), dtype=bool)
    if len(classes) > WRITTEN:
        return _greatest(np.where(same, 0, share), classes)
    texts = tuple(
        tuple(f"{100 * value:.0f}" if value >= 0.005 else "" for value in row) for row in share.tolist()
    )
    names = tuple(
        tuple(f"{percent(share[i, j])} of “{true}” taken for “{said}”" for j, said in enumerate(classes))
        for i, true in enumerate(classes)
    )
    ticks = tuple((index + 0.5, name) for index, name in enumerate(classes))
    panel = Panel(
        (
            Matrix(np.where(same, share, np.nan), "blue", texts, names),
            Matrix(np.where(same, np.nan, share), "orange", texts, names),
        ),
        frame=(len(classes), len(classes)),
        x=Axis("predicted class", ticks=ticks),
        y=Axis("true class", ticks=ticks),
        width=min(110 + 48 * len(classes), 820) + widest(classes) * LETTER,
        caption="Per cent of the pixels of each true class. Blue: found. Orange: taken for another class.",
    )
    return Figure((panel,), "What is taken for what", columns=1)


def _greatest(wrong: Floats, classes: Sequence[str], most: int = 15) -> Table:
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(classes)) for place in order]
    rows = tuple((classes[i], classes[j], percent(wrong[i, j])) for i, j in pairs if wrong[i, j])
    return Table(("true class", "taken for", "of its pixels"), rows, "The greatest confusions.")


def by_picture(scores: Floats, indices: Sequence[int]) -> Figure:
    """Each picture's mean IoU, rising: whether a few pictures are bad, or all are middling."""
    order = np.argsort(scores, kind="stable")
    places = np.arange(1, len(order) + 1, dtype=np.float64)
    names = tuple(f"picture {indices[row]}: mIoU {number(float(scores[row]))}" for row in order.tolist())
    middle = float(np.nanmedian(scores))
    line = Lines(
        (np.array([1.0, float(max(2, len(order)))]),),
        (np.array([middle, middle]),),
        (f"median {middle:.3f}",),
        ("faint",),
        1,
        dashed=True,
    )
    panel = Panel(
        (line, Points(places, scores[order], names=names, opacity=0.8)),
        x=Axis("pictures, the worst first"),
        y=Axis("mIoU", limits=(0, 1.01)),
        width=640,
        caption="The mean over the classes that a picture shows or was said to show.",
    )
    return Figure((panel,), "Picture by picture", columns=1)

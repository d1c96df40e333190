"""A space of codes as a person can see it: where pictures lie in it, and what lies between them.

Used by `pellucid latent`, and from Python: `tour(Space.of(coder, data), Tour())` gives the sections of a
page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.source import Data, Source
from pellucid.data.subset import spread
from pellucid.inspection.latent import attribute_vector, check_numbers, linear_walk, plane, spherical_walk
from pellucid.inspection.projection import project
from pellucid.metrics.curves import RocCurve, threshold_counts
from pellucid.ops.coding import normal
from pellucid.ops.random import keys
from pellucid.recipes.coder import Coder, Codes
from pellucid.types.errors import InputError, unknown_name
from pellucid.views import autoencoding as views
from pellucid.views.classification import roc
from pellucid.views.embedding import embedding_map
from pellucid.views.figure import Figure
from pellucid.views.page import Section
from pellucid.views.pictures import rgb_pixels

STEPS = 11  # of a walk
SIDE = 15  # pictures of a plane's side
REACH = 2.5  # standard deviations to either side that a plane spans
SHOWN = 10  # samples, and pictures whose attribute is changed


@dataclass(frozen=True)
class Tour:
    """What to see; None: what the space itself suggests. Samples by their number in the split, classes by
    name.
    """

    walk: tuple[int, int] | None = None
    numbers: tuple[int, int] | None = None
    classes: tuple[str, str] | None = None
    method: str = "pca"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Space:
    """Samples of one split and their codes."""

    coder: Coder
    source: Source
    found: Codes
    name: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, coder: Coder, data: Data, *, split: str = "test", most: int = 2000) -> Self:
        source = spread(data, split, most)
        single = data.info.classes if coder.task.classes else ()
        return cls(coder, source, coder.encode(source), data.info.name, single)

    @property
    def codes(self) -> Tensor:
        return self.found.codes

    def row(self, sample: int) -> int:
        """Where sample number `sample` of the split is among those looked at."""
        at = (self.found.indices == sample).nonzero()
        if not len(at):
            raise InputError(
                f"sample {sample} of {self.name} was asked for; {len(self.codes):,} from 0 to "
                f"{int(self.found.indices.max()):,} were looked at (--most)"
            )
        return int(at[0])

    def pictures(self, rows: Tensor) -> list[NDArray[np.uint8]]:
        """(h, w, 3) as they are stored."""
        stored = self.source.fetch(rows).inputs
        return [rgb_pixels(picture.numpy()) for picture in stored]

    def decode(self, codes: Tensor, label: int) -> list[NDArray[np.uint8]]:
        return list(self.coder.decode(codes, label))


def tour(space: Space, wished: Tour) -> list[Section]:
    """The map, walks, a plane, the vector between two classes, samples. Raises `InputError` for samples,
    numbers and classes that are not there.
    """
    sections = [_map(space, wished), _walks(space, wished), _plane(space, wished)]
    if len(space.classes) > 1:
        sections.append(_arithmetic(space, wished))
    return [*sections, *_samples(space, wished)]


def _map(space: Space, wished: Tour) -> Section:
    found = project(space.codes.numpy(), wished.method, seed=wished.seed)
    stored = space.source.fetch(torch.arange(len(space.source))).inputs.numpy()
    thumbnails = np.stack([rgb_pixels(picture) for picture in stored])
    labels = space.found.labels.clamp_min(0).numpy()
    figure = embedding_map(found.places, labels, space.classes, thumbnails)
    notes = "; ".join(found.notes)
    lead = f"{len(labels):,} pictures of {space.name} where their codes lie, by {found.method}: {notes}."
    return Section("The map", (figure,), lead)


def _walks(space: Space, wished: Tour) -> Section:
    start, end = (space.row(each) for each in wished.walk) if wished.walk else two_kinds(space)
    label = int(space.found.labels[start])
    first, last = space.codes[start], space.codes[end]
    shown = [space.decode(walk(first, last, STEPS), label) for walk in (linear_walk, spherical_walk)]
    ends = space.pictures(torch.tensor([start, end]))
    rows = [[ends[0], *row, ends[1]] for row in shown]
    numbers = [int(space.found.indices[row]) for row in (start, end)]
    lead = (
        f"From the code of sample {numbers[0]} to that of sample {numbers[1]}, which themselves stand at the "
        "ends: along a straight line, and along a great circle, which keeps the length that codes have."
    )
    if space.coder.model.conditions:
        lead += f" Decoded as {space.classes[label]} all the way."
    return Section("Walks", (views.rows(rows, ("straight", "spherical")),), lead)


def two_kinds(space: Space) -> tuple[int, int]:
    """The first sample, and the next of another class."""
    others = (space.found.labels != space.found.labels[0]).nonzero()
    return 0, int(others[0]) if len(others) else len(space.codes) - 1


def _plane(space: Space, wished: Tour) -> Section:
    codes, variational = space.codes, space.coder.variational
    if codes.shape[1] < 2:
        raise InputError("this network's code has one number; a plane takes two")
    varying = codes.var(0).argsort(descending=True)[:2].tolist()
    across, along = check_numbers(wished.numbers or varying, codes.shape[1])
    centre = torch.zeros(codes.shape[1]) if variational else codes.mean(0)
    deviation = torch.ones(codes.shape[1]) if variational else codes.std(0)
    spans = torch.stack(
        [centre[each] + REACH * deviation[each] * torch.tensor([-1.0, 1.0]) for each in (across, along)]
    )
    decoded = space.coder.decode(plane(centre, (across, along), spans, SIDE).flatten(0, 1), 0)
    tiles = decoded.reshape(SIDE, SIDE, *decoded.shape[1:])
    (left, right), (low, high) = spans.tolist()
    figure = views.plane(tiles, (left, right), (high, low), (f"number {across}", f"number {along}"))
    rest = "0, the middle of the prior" if variational else "their mean over the data"
    lead = (
        f"Decoded codes whose numbers {across} and {along} go through {REACH:g} standard deviations to "
        f"either side; the others are {rest}."
    )
    return Section("A plane", (figure,), lead)


def _arithmetic(space: Space, wished: Tour) -> Section:
    names = wished.classes or (space.classes[0], space.classes[1])
    for name in names:
        if name not in space.classes:
            raise unknown_name("class", name, space.classes)
    start, end = (space.classes.index(name) for name in names)
    rows = (space.found.labels == start).nonzero()[:SHOWN, 0]
    vector = attribute_vector(space.codes, space.found.labels, start, end)
    moved = [
        space.decode(space.codes[rows] + share * vector, end if share else start) for share in (0, 0.5, 1)
    ]
    figure = views.rows([space.pictures(rows), *moved], ("picture", "its code", "+ ½ vector", "+ vector"))
    lead = (
        f"The vector from the mean code of {names[0]} to that of {names[1]}, added to codes of {names[0]}: "
        "what else a picture has (slant, width, position) should stay."
    )
    return Section("Arithmetic", (figure,), lead)


def _samples(space: Space, wished: Tour) -> list[Section]:
    if not space.coder.variational:
        return []
    codes = normal(keys(wished.seed, torch.arange(SHOWN)), space.codes.shape[1])
    if space.coder.model.conditions:
        rows = [space.decode(codes, label) for label in range(len(space.classes))]
        lead = "The same ten codes of the prior, told each class in turn: style in columns, class in rows."
        return [Section("Samples", (views.rows(rows, space.classes),), lead)]
    every = normal(keys(wished.seed, torch.arange(4 * SHOWN)), space.codes.shape[1])
    pictures = space.decode(every, 0)
    rows = [pictures[place : place + SHOWN] for place in range(0, len(pictures), SHOWN)]
    return [Section("Samples", (views.rows(rows),), "Codes drawn from the prior and decoded.")]


@dataclass(frozen=True, eq=False)
class Anomalies:
    """How well the error of giving back tells pictures of other data; `errors` of both, by the data's
    name.
    """

    errors: dict[str, NDArray[np.float64]]
    roc: RocCurve
    worst: Figure

    def section(self) -> Section:
        own, others = self.errors
        drawn = roc({others: self.roc})
        curve = Figure((replace(drawn.panels[0], caption=""),), "ROC of the reconstruction error", columns=1)
        spread_out = views.histogram_pair(self.errors, "reconstruction error")
        lead = (
            f"What giving a picture back costs, of {own}, which the network knows, and of {others}, which it "
            f"does not. Taken as a score for what does not belong, the area under its ROC is "
            f"{self.roc.area:.4f}; 0.5 is chance. Below, the pictures of {own} that came back worst: "
            "what the score takes for strange."
        )
        return Section("What does not belong", (curve, spread_out, self.worst), lead)


def anomalies(space: Space, others: Space) -> Anomalies:
    """Pictures of `others` against those of `space`, by their reconstruction error."""
    errors = [each.found.errors.double() for each in (space, others)]
    strange = torch.cat([torch.zeros(len(errors[0])), torch.ones(len(errors[1]))]).bool()
    curve = threshold_counts(torch.cat(errors), strange).roc_curve()
    rows = errors[0].argsort(descending=True)[:SHOWN]
    worst = views.rows([space.pictures(rows)])
    names = (space.name, others.name if others.name != space.name else f"{others.name} (other)")
    return Anomalies({name: each.numpy() for name, each in zip(names, errors, strict=True)}, curve, worst)

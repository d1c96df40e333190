"""What excites a channel: pictures made for it while one looks on, and the pictures of a data set that do it
most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.subset import spread
from pellucid.inspection.strongest import Strongest, strongest
from pellucid.recipes.opened import OpenedNetwork
from pellucid.studio.jobs import Report
from pellucid.studio.sets import OpenSet
from pellucid.synthesis.excite import Ascent, ascend
from pellucid.synthesis.objective import exciting
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError
from pellucid.views.pictures import rgb_pixels
from pellucid.views.raster import png

STEPS, EVERY = 64, 2  # of an ascent, and how often there is a picture to see
SEEN, AT_ONCE, KEPT = 512, 16, 8  # pictures of the set that are looked at, together, and that are remembered


@dataclass
class Grown:
    """A picture that grows: `picture` is a PNG, empty before the first."""

    address: str
    step: int = 0
    steps: int = STEPS
    score: float = 0.0
    finished: bool = False
    picture: bytes = b""


def grow(grown: Grown, opened: OpenedNetwork, report: Report) -> None:
    """Fill in `grown` as the picture comes. Raises `InputError` for what cannot be excited."""
    height, width = opened.shape[1:]
    how = Ascent(steps=STEPS, size=(height, width), lr=0.1, every=EVERY)
    objective = exciting(grown.address)
    for found in ascend(opened.model, objective, opened.preprocessing, how):
        grown.picture = png(np.ascontiguousarray(rgb_pixels(found.pixels()[0])))
        grown.step, grown.score, grown.finished = found.step, found.scores[0], found.finished
        report(found.step / STEPS, "")


@dataclass(frozen=True)
class Examples:
    """The pictures of `split` that excite each channel of a layer most; `seen` were looked at."""

    data: OpenSet
    split: str
    found: Strongest
    seen: int


def look_for(opened: OpenedNetwork, layer: str, data: OpenSet, split: str, report: Report) -> Examples:
    """Raises `InputError` for a layer that is none, and data that the network does not take."""
    if data.data.info.shape[:1] != opened.shape[:1]:
        raise InputError(
            f"{data.name} has pictures of {data.data.info.shape[0]} channels; {opened.name} takes "
            f"{opened.shape[0]}"
        )
    source = spread(data.data, split, SEEN)
    pipeline = Pipeline(opened.preprocessing)
    batches = evaluation_batches(source, AT_ONCE, pipeline, "cpu", workers=0)
    found = strongest(opened.model, [layer], _told(batches, len(source), report), KEPT)[layer]
    return Examples(data, split, found, len(source))


def _told(batches: Iterator[Batch], count: int, report: Report) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        report(done / count, f"{done:,} / {count:,}")
        yield batch
        done += len(batch)


def windows(examples: Examples, channel: int, size: Sequence[int]) -> list[list[int]]:
    """Where in each picture: (top, left, bottom, right), in pixels of pictures of `size`."""
    ranks = range(examples.found.indices.shape[1])
    return [list(examples.found.window(channel, rank, size)) for rank in ranks]

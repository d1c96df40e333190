"""`pellucid embed`: what a layer says of a data set, as a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from pellucid.cli.figures import check_out, write_figure
from pellucid.cli.run_or_network import NetworkCall, open_called, read_network_call
from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.subset import class_labels, spread, thumbnails
from pellucid.inspection.features import features, last_features
from pellucid.inspection.projection import project
from pellucid.recipes.opened import open_seen
from pellucid.views.embedding import embedding_map

ABOUT = """What a layer says of a data set as a map: pictures that it finds alike lie near one another. On a
page a dot shows its picture when it is pointed at.

Example: pellucid embed runs/digits-lenet5 --method tsne

Example: pellucid embed resnet18 layer3 --weights torchvision/resnet18 --data photos/
"""
_BATCH = 64  # pictures at a time


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    layer: Annotated[str, tyro.conf.Positional] = ""
    """Which layer, by its name in `pellucid inspect`; by default the one before the classifier."""
    data: str = ""
    """A path or a name of `pellucid list datasets`; by default a run's own."""
    split: str = "test"
    """Which split of the data."""
    most: int = 1000
    """At most so many samples, spread evenly over the split."""
    method: Literal["pca", "tsne", "umap"] = "tsne"
    """How many numbers become two; umap needs the package umap-learn."""
    seed: int = 0
    """Decides what t-SNE and UMAP draw."""
    out: Path = Path("embedding.html")
    """What to write: a page (.html), a picture (.png) or the figure's data (.json); one that is there is
    replaced.
    """


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="embed", about=ABOUT)
    check_out(call.out)
    network = open_called(call)
    data = open_seen(network, call.data)
    source = spread(data, call.split, call.most)
    pipeline = Pipeline(network.preprocessing)
    first = next(evaluation_batches(source, 2, pipeline, "cpu", workers=0))
    layer = call.layer or last_features(network.model, first.inputs)
    found = features(network.model, layer, evaluation_batches(source, _BATCH, pipeline, "cpu", workers=0))
    projected = project(found.vectors.numpy(), call.method, seed=call.seed)
    stored = source.fetch(torch.arange(len(source)))
    labels = class_labels(stored)
    numbers = f"{found.vectors.shape[1]} numbers a picture, the mean of each channel"
    part = (
        f"{len(source):,} of the {len(data.splits[call.split]):,} pictures of {data.info.name}, {call.split}"
    )
    figure = embedding_map(
        projected.places,
        labels,
        data.info.classes if labels.size else (),
        thumbnails(stored.inputs),
        title=f"What {layer or 'the network'} finds alike",
        caption=f"{part}; {numbers}; {projected.words()}.",
    )
    write_figure(figure, call.out)
    print(f"{layer}: {len(source):,} pictures, {projected.method}: {'; '.join(projected.notes)}")
    print(f"map: {call.out}")
    return 0

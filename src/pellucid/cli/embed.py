"""`pellucid embed`: what a layer says of a data set, as a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from numpy.typing import NDArray
from torch import Tensor

from pellucid.cli.figures import check_out, write_figure
from pellucid.cli.run_or_network import NetworkCall, open_called, read_network_call
from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.subset import spread
from pellucid.inspection.features import features, last_features
from pellucid.inspection.projection import Projection, project
from pellucid.recipes.opened import open_seen
from pellucid.types.batch import Batch
from pellucid.views.embedding import embedding_map

ABOUT = """What a layer says of a data set as a map: pictures that it finds alike lie near one another. On a
page a dot shows its picture when it is pointed at.

Example: pellucid embed runs/digits-lenet5 --method tsne

Example: pellucid embed resnet18 layer3 --weights torchvision/resnet18 --data photos/
"""
_BATCH, _SIDE = 64, 64  # pictures at a time; pixels of a picture in the page


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
    labels = _labels(stored)
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
        caption=f"{part}; {numbers}; {_how(projected)}.",
    )
    write_figure(figure, call.out)
    print(f"{layer}: {len(source):,} pictures, {projected.method}: {'; '.join(projected.notes)}")
    print(f"map: {call.out}")
    return 0


def _how(projected: Projection) -> str:
    """The method with its settings, versions and notes, in words."""
    settings = [f"{name} {value}" for name, value in {**projected.options, **projected.versions}.items()]
    return f"{projected.method} ({', '.join(settings)}): {'; '.join(projected.notes)}"


def _labels(batch: Batch) -> NDArray[np.integer[Any]]:
    """Each sample's class, where it has one."""
    targets = batch.targets
    single = isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point()
    return targets.numpy() if single else np.empty(0, np.int64)


def thumbnails(pictures: Tensor) -> NDArray[np.uint8]:
    """(n, 1 or 3, h, w) uint8 to (n, h', w', 3), at most 64 a side; others as grey."""
    shown = pictures if pictures.shape[1] in (1, 3) else pictures.float().mean(1, keepdim=True)
    factor = max(1, -(-max(shown.shape[-2:]) // _SIDE))
    small = F.avg_pool2d(shown.float(), factor, ceil_mode=True).round().byte()
    array: NDArray[np.uint8] = small.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    return array

"""The test pictures of a run as a map: those that its network finds alike lie near one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.subset import spread
from pellucid.inspection.features import features, last_features
from pellucid.inspection.projection import Projection, project
from pellucid.recipes.opened import OpenedNetwork
from pellucid.studio.jobs import Report
from pellucid.studio.sets import OpenSet

MOST = {"pca": 100_000, "tsne": 3000, "umap": 20_000}  # samples, so that one may wait for it
AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Embedded:
    """`points` (n, 4) float32: x, y, class (−1 without one), and place in the split."""

    points: NDArray[np.float32]
    layer: str
    classes: tuple[str, ...]
    method: str
    notes: tuple[str, ...]


def embed(opened: OpenedNetwork, data: OpenSet, method: str, report: Report) -> Embedded:
    """What the layer before the classifier says of the test split, brought down to two numbers each. Raises
    `InputError` as `project` does.
    """
    source = spread(data.data, "test", MOST.get(method, MOST["pca"]))
    pipeline = Pipeline(opened.preprocessing)
    first = next(evaluation_batches(source, 2, pipeline, "cpu", workers=0))
    layer = last_features(opened.model, first.inputs)
    vectors, rest, done = list[NDArray[np.float32]](), list[NDArray[np.int64]](), 0
    for batch in evaluation_batches(source, AT_ONCE, pipeline, "cpu", workers=0):
        report(0.9 * done / len(source), "looking at pictures")
        vectors.append(features(opened.model, layer, [batch]).vectors.numpy())
        rest.append(np.stack([_labels(batch.targets, len(batch)), batch.indices.numpy()], 1))
        done += len(batch)
    report(0.9, method)
    projected: Projection = project(np.concatenate(vectors), method)
    points = np.concatenate((projected.places, np.concatenate(rest)), 1).astype(np.float32)
    return Embedded(points, layer, data.data.info.classes, projected.method, projected.notes)


def _labels(targets: object, count: int) -> NDArray[np.int64]:
    single = isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point()
    return targets.cpu().numpy() if isinstance(targets, Tensor) and single else np.full(count, -1, np.int64)

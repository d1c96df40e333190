"""What was seen inside a trained network, kept in its run: `evaluation/insight.npz`."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from pellucid.runs.atomic import read_arrays, write_arrays
from pellucid.runs.folder import RunFolder
from pellucid.types.heatmap import Heatmap
from pellucid.types.insight import Embedded, ExcitedFilters, ExplainedMistakes, Insight

_FILE = "insight.npz"


def write_insight(run: RunFolder, insight: Insight) -> None:
    about: dict[str, Any] = {"split": insight.split, "left_out": insight.left_out}
    arrays: dict[str, NDArray[Any]] = {}
    if (mistakes := insight.mistakes) is not None:
        heatmap = mistakes.heatmap
        about["mistakes"] = {
            "truths": mistakes.truths,
            "method": heatmap.method,
            "targets": heatmap.targets,
            "size": heatmap.size,
            "layers": heatmap.layers,
            "notes": heatmap.notes,
            "scores": dict(heatmap.scores),
        }
        arrays |= {"mistakes": mistakes.pictures, "maps": heatmap.array()}
    if (filters := insight.filters) is not None:
        about["filters"] = {"layer": filters.layer, "samples": filters.samples}
        arrays |= {"crops": filters.crops, "answers": filters.values}
    if (embedded := insight.embedded) is not None:
        about["embedded"] = {"layer": embedded.layer, "words": embedded.words}
        arrays |= {"places": embedded.places, "labels": embedded.labels, "thumbnails": embedded.pictures}
    write_arrays(run.path / "evaluation" / _FILE, about, arrays)


def read_insight(run: RunFolder) -> Insight | None:
    """None for a run that has none. Raises `InputError` for a file that is damaged."""
    path = run.path / "evaluation" / _FILE
    if not path.exists():
        return None
    about, arrays = read_arrays(path)
    mistakes, filters, embedded = (about.get(name) for name in ("mistakes", "filters", "embedded"))
    return Insight(
        about["split"],
        _mistakes(mistakes, arrays) if mistakes else None,
        filters and ExcitedFilters(filters["layer"], arrays["crops"], arrays["answers"], filters["samples"]),
        embedded
        and Embedded(
            embedded["layer"], arrays["places"], arrays["labels"], arrays["thumbnails"], embedded["words"]
        ),
        tuple(about["left_out"]),
    )


def _mistakes(about: dict[str, Any], arrays: dict[str, Any]) -> ExplainedMistakes:
    height, width = about["size"]
    heatmap = Heatmap(
        torch.from_numpy(arrays["maps"]),
        about["method"],
        tuple(about["targets"]),
        (height, width),
        tuple(about["layers"]),
        scores={name: tuple(numbers) for name, numbers in about["scores"].items()},
        notes=tuple(about["notes"]),
    )
    return ExplainedMistakes(arrays["mistakes"], tuple(about["truths"]), heatmap)

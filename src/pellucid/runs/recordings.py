"""`recordings/`: what is watched, and one file for each recorded step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pellucid.runs.atomic import read_arrays, write_arrays
from pellucid.types.recording import LayerStatistics, Probes, Recording

_MAP, _EXHIBIT = "map:", "exhibit:"
_PROBES = "probes.npz"


def write_probes(folder: Path, probes: Probes) -> None:
    """Keep what is watched; once a run."""
    arrays: dict[str, Any] = {
        "indices": probes.indices,
        "pictures": probes.pictures,
        "targets": probes.targets,
    }
    write_arrays(folder / _PROBES, {"schema": 1, "split": probes.split}, arrays)


def read_probes(folder: Path) -> Probes | None:
    """What is watched, or None where nothing is."""
    if not (folder / _PROBES).exists():
        return None
    about, arrays = read_arrays(folder / _PROBES)
    return Probes(about["split"], arrays["indices"], arrays["pictures"], arrays["targets"])


def write_recording(folder: Path, recording: Recording) -> None:
    """Keep `recording` under its step; the same step written again replaces it."""
    arrays: dict[str, Any] = {f"{_MAP}{name}": array for name, array in recording.maps.items()}
    arrays |= {f"{_EXHIBIT}{name}": array for name, array in recording.exhibits.items()}
    if recording.filters is not None:
        arrays["filters"] = recording.filters
    about = {
        "schema": 1,
        "step": recording.step,
        "epoch": recording.epoch,
        "layers": [asdict(layer) for layer in recording.layers],
    }
    write_arrays(_path(folder, recording.step), about, {**arrays, "predictions": recording.predictions})


def read_recordings(folder: Path) -> list[Recording]:
    """All recordings, by step. Raises `InputError` for a file that is damaged."""
    return [read_recording(path) for path in sorted(folder.glob("[0-9]*.npz"))]


def read_recording(path: Path) -> Recording:
    about, arrays = read_arrays(path)
    return Recording(
        step=about["step"],
        epoch=about["epoch"],
        layers=tuple(LayerStatistics(**layer) for layer in about["layers"]),
        filters=arrays.get("filters"),
        maps=_named(arrays, _MAP),
        predictions=arrays["predictions"],
        exhibits=_named(arrays, _EXHIBIT),
    )


def _named(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _path(folder: Path, step: int) -> Path:
    return folder / f"{step:09d}.npz"

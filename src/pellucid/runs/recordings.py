"""`recordings/`: one compressed numpy file a recorded step, holding arrays and one JSON text, nothing pickled."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from pellucid.runs.atomic import write_with
from pellucid.types.errors import InputError
from pellucid.types.recording import LayerStatistics, Probes, Recording

_MAP = "map:"
_PROBES = "probes.npz"


def write_probes(folder: Path, probes: Probes) -> None:
    """Keep what is watched; once a run."""
    arrays = {"indices": probes.indices, "pictures": probes.pictures, "targets": probes.targets}

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez_compressed(file, split=np.array(probes.split), **arrays)

    write_with(folder / _PROBES, write)


def read_probes(folder: Path) -> Probes | None:
    """What is watched, or None where nothing is."""
    path = folder / _PROBES
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return Probes(str(file["split"]), file["indices"], file["pictures"], file["targets"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read: {error}; delete it to go on without it") from None


def write_recording(folder: Path, recording: Recording) -> None:
    """Keep `recording` under its step; the same step written again replaces it."""
    arrays = {f"{_MAP}{name}": array for name, array in recording.maps.items()}
    if recording.filters is not None:
        arrays["filters"] = recording.filters
    about = {
        "schema": 1,
        "step": recording.step,
        "epoch": recording.epoch,
        "layers": [asdict(layer) for layer in recording.layers],
    }

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez_compressed(
                file,
                about=np.array(json.dumps(about)),
                predictions=recording.predictions,
                **arrays,
            )

    write_with(folder / f"{recording.step:09d}.npz", write)


def read_recordings(folder: Path) -> list[Recording]:
    """All recordings, by step. Raises `InputError` for a file that is damaged."""
    return [read_recording(path) for path in sorted(folder.glob("[0-9]*.npz"))]


def read_recording(path: Path) -> Recording:
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            return Recording(
                step=about["step"],
                epoch=about["epoch"],
                layers=tuple(LayerStatistics(**layer) for layer in about["layers"]),
                filters=file["filters"] if "filters" in file else None,
                maps={key.removeprefix(_MAP): file[key] for key in file.files if key.startswith(_MAP)},
                predictions=file["predictions"],
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as a recording: {error}; delete it to go on without it") from None

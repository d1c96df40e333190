"""The run folder: one experiment, complete in itself. Copying the folder copies the run.

run.json         the resolved recipe, how it was called, versions, the data's fingerprint, the state of the
code metrics.jsonl    every logged step and evaluation, append-only checkpoints/     last, previous, best
recordings/      what the recorder kept, one file a step evaluation/      what the network said of every test
sample, and the pictures the report shows report.html
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.runs.atomic import read_arrays, write_arrays, write_file
from pellucid.runs.log import Log, json_text
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation

_RUN, _LOCK = "run.json", ".lock"
_PARTS = {"recipe", "data", "command", "versions", "platform", "parameters", "code", "started"}
_COLUMNS = ("indices", "targets", "outputs")
_PICTURE, _EXHIBIT = "picture:", "exhibit:"


class RunFolder:
    """Opened with `create` or `open`; everything else is reading and writing its parts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.recordings = path / "recordings"
        self.report = path / "report.html"
        self.log = Log(path / "metrics.jsonl")
        self.live = Log(path / "live.jsonl")

    @classmethod
    def create(cls, path: Path, description: Mapping[str, Any]) -> Self:
        """Make a new run with `description` as its run.json. Raises `InputError` where `check_free` does."""
        cls.check_free(path)
        write_file(path / _RUN, json_text({"schema": 1, **description}, indent=1) + "\n")
        return cls(path)

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise `InputError` if there is anything at `path` already."""
        if (path / _RUN).exists():
            raise InputError(
                f"{path} already holds a run; go on with it by --resume, or name another folder by --out"
            )
        if path.exists() and any(entry.name != _LOCK for entry in path.iterdir()):
            raise InputError(f"{path} is not empty and holds no run; name another folder by --out")

    @classmethod
    def open(cls, path: Path) -> Self:
        if not (path / _RUN).exists():
            raise InputError(f"{path} is not a run folder: it has no {_RUN}")
        return cls(path)

    @property
    def begun(self) -> bool:
        """Whether there is a run in the folder."""
        return (self.path / _RUN).exists()

    @property
    def busy(self) -> bool:
        """Whether a process trains into the folder at this moment."""
        if not (self.path / _LOCK).exists():
            return False
        try:
            with _held(self.path / _LOCK):
                return False
        except InputError:
            return True

    @property
    def holder(self) -> int:
        """The process that trains into the folder at this moment, 0 where none does."""
        if not self.busy:
            return 0
        said = (self.path / _LOCK).read_text()
        return int(said) if said.isdigit() else 0

    def describe(self) -> dict[str, Any]:
        """The content of run.json."""
        try:
            description = json.loads((self.path / _RUN).read_text())
        except ValueError as error:
            raise InputError(f"{self.path / _RUN} is damaged: {error}") from None
        if (
            not isinstance(description, dict)
            or description.get("schema") != 1
            or not set(description) >= _PARTS
        ):
            raise InputError(
                f"{self.path / _RUN} was not written by this version of Pellucid (schema 1 expected)"
            )
        return description

    def write_evaluation(self, evaluation: Evaluation, pictures: Mapping[int, NDArray[np.uint8]]) -> None:
        """Keep an evaluation and some of its split's pictures, (c, h, w) uint8 by index."""
        about = {"split": evaluation.split, "step": evaluation.step, "metrics": dict(evaluation.metrics)}
        arrays = {name: getattr(evaluation, name) for name in _COLUMNS}
        arrays |= {f"{_PICTURE}{index}": picture for index, picture in pictures.items()}
        for index, maps in evaluation.exhibits.items():
            arrays |= {f"{_EXHIBIT}{index}:{name}": array for name, array in maps.items()}
        write_arrays(self._evaluation(evaluation.split), about, arrays)

    def read_evaluation(self, split: str) -> tuple[Evaluation, dict[int, NDArray[np.uint8]]] | None:
        """What `write_evaluation` kept, or None if that split was not evaluated."""
        if not self._evaluation(split).exists():
            return None
        about, arrays = read_arrays(self._evaluation(split))
        pictures = {
            int(name.removeprefix(_PICTURE)): array
            for name, array in arrays.items()
            if name.startswith(_PICTURE)
        }
        exhibits: dict[int, dict[str, NDArray[np.uint8]]] = {}
        for key, array in arrays.items():
            if key.startswith(_EXHIBIT):
                index, _, name = key.removeprefix(_EXHIBIT).partition(":")
                exhibits.setdefault(int(index), {})[name] = array
        columns: dict[str, Any] = {name: arrays[name] for name in _COLUMNS}
        return Evaluation(**about, **columns, exhibits=exhibits), pictures

    def _evaluation(self, split: str) -> Path:
        return self.path / "evaluation" / f"{split}.npz"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for writing, so that no other process trains into it; made for that where it is not
        yet there.

        If no run has begun by the end, nothing is left behind. Raises `InputError` if another process holds
        it.
        """
        self._check_ground()
        made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with _held(self.path / _LOCK):
                yield
        finally:
            if not (self.path / _RUN).exists():
                (self.path / _LOCK).unlink(missing_ok=True)
                for path in made:
                    with contextlib.suppress(OSError):  # something else is in it by now
                        path.rmdir()

    def _check_ground(self) -> None:
        ground = next(parent for parent in (self.path, *self.path.absolute().parents) if parent.exists())
        if not ground.is_dir():
            raise InputError(f"{ground} is a file; a run needs a folder of its own, name another by --out")
        if not os.access(ground, os.W_OK):
            raise InputError(f"{ground} may not be written to; name another folder by --out")


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """An exclusive lock on a file, which then says whose."""
    if os.name == "nt":
        yield  # Windows refuses to rename open files, which is guard enough
        return
    import fcntl

    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another process is writing to {path.parent} at this moment") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def free_path(wanted: Path) -> Path:
    """`wanted`, or `wanted-2`, `wanted-3`, … : the first that does not exist yet."""
    path, number = wanted, 1
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    return path

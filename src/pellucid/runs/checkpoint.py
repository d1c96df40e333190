"""Checkpoints on disk: a folder of weights (safetensors), optimiser state (tensors and numbers only) and a
manifest of hashes.

A checkpoint counts only when its manifest does, which is written last; a torn or truncated one is passed over
for the one before. `last` is always kept together with the one before it, called `previous`.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

from pellucid.runs.atomic import sync
from pellucid.types.errors import InputError

Name = Literal["last", "best"]
_WEIGHTS, _STATE, _MANIFEST = "model.safetensors", "state.pt", "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """`weights` by parameter and buffer name. `state` is everything else that training needs to go on; empty
    for "best".
    """

    weights: Mapping[str, Tensor]
    state: Mapping[str, Any]


def save(folder: Path, name: Name, checkpoint: Checkpoint) -> None:
    """Write `folder/name`, atomically. Raises OSError when the disk is full; what was there before is then
    still there.
    """
    target, temporary, previous = folder / name, folder / f".{name}.tmp", folder / "previous"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _write(temporary, checkpoint)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if target.exists():
        if name == "last":
            shutil.rmtree(previous, ignore_errors=True)
            target.rename(previous)
        else:
            shutil.rmtree(target)
    temporary.rename(target)
    sync(folder)


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    """The files are made in memory and written by Python, whose errors say what is wrong with the disk."""
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in checkpoint.weights.items()}
    contents = {_WEIGHTS: serialise(weights)}
    if checkpoint.state:
        buffer = io.BytesIO()
        torch.save(dict(checkpoint.state), buffer)
        contents[_STATE] = buffer.getvalue()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[_MANIFEST] = json.dumps({"schema": 1, "sha256": digests}, indent=1).encode()
    for name, content in contents.items():  # the manifest comes last
        (folder / name).write_bytes(content)
        sync(folder / name)
    sync(folder)


def load(folder: Path) -> Checkpoint:
    """Read one checkpoint folder. Raises `InputError` when it is not there, incomplete or damaged. Nothing is
    unpickled.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())["sha256"]
        for file, digest in manifest.items():
            if _digest(folder / file) != digest:
                raise InputError(f"{folder / file} is damaged: its content is not what was saved")
        weights = load_file(folder / _WEIGHTS)
        state = (
            torch.load(folder / _STATE, weights_only=True, map_location="cpu") if _STATE in manifest else {}
        )
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no complete checkpoint: {error.filename or error} is missing"
        ) from None
    except (OSError, ValueError, KeyError, SafetensorError, pickle.UnpicklingError, RuntimeError) as error:
        raise InputError(f"{folder} cannot be read as a checkpoint: {error}") from None
    return Checkpoint(weights, state)


def load_newest(folder: Path, name: Name) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint of that name, None if there is none, and what was passed over, in words.

    A kill between writing and renaming leaves a whole checkpoint under its temporary name, and it counts.
    """
    passed: list[str] = []
    for candidate in (f".{name}.tmp", name, *(("previous",) if name == "last" else ())):
        if not (folder / candidate).is_dir():
            continue
        try:
            return load(folder / candidate), passed
        except InputError as error:
            if candidate != f".{name}.tmp":  # torn by a kill during writing: nothing was lost
                passed.append(str(error))
    return None, passed


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

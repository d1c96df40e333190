"""Pictures and labels in one .npz file: `x_train`, `y_train`, perhaps `x_test`, `y_test`, `x_val`, `y_val`.

Pictures are uint8, (n, 3, h, w), (n, h, w, 3) or grey (n, h, w), (n, h, w, 1), (n, 1, h, w). Labels are
whole numbers (n,) or (n, 1) from 0, or (n, classes) of 0 and 1 for several at once. `classes` may hold
the names. Nothing is ever unpickled.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.arrays import Arrays
from pellucid.types.errors import InputError

SPLITS = ("train", "val", "test")


def read_npz(path: Path) -> Arrays:
    damaged = f"{path}: not an .npz file, or damaged; fetch or write it again"
    if not zipfile.is_zipfile(path):
        raise InputError(damaged)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if key[:2] in ("x_", "y_") or key == "classes"}
            names = ", ".join(file.files) or "nothing"
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(damaged) from error
    except ValueError as error:
        objects = f"{path}: holds Python objects, which are never loaded; save plain arrays of numbers"
        raise InputError(objects if "allow_pickle" in str(error) else damaged) from error
    if not {"x_train", "y_train"} <= arrays.keys():
        raise InputError(
            f"{path}: expected the arrays x_train and y_train (and x_test, y_test); it holds {names}"
        )
    unknown = sorted(arrays.keys() - {"classes"} - {f"{axis}_{split}" for axis in "xy" for split in SPLITS})
    if unknown:
        raise InputError(f"{path}: unknown array {unknown[0]}; the splits are called train, val and test")
    splits = {}
    for split in SPLITS:
        pictures, labels = arrays.get(f"x_{split}"), arrays.get(f"y_{split}")
        if pictures is None and labels is None:
            continue
        if pictures is None or labels is None:
            raise InputError(f"{path}: {'x' if pictures is None else 'y'}_{split} is missing")
        splits[split] = (_pictures(pictures, f"{path}: x_{split}"), _labels(labels, f"{path}: y_{split}"))
    classes = _classes(arrays["classes"], f"{path}: classes") if "classes" in arrays else ()
    if not classes:
        _check_gaps(splits["train"][1], f"{path}: y_train")
    return Arrays(path.stem, str(path), splits, classes)


def _classes(array: NDArray[np.generic], where: str) -> tuple[str, ...]:
    if array.ndim != 1:
        raise InputError(f"{where} is {array.shape}; expected a list of names, (classes,)")
    names = tuple(str(name) for name in array)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{where} has the name {twice[0]!r} twice; give every class its own")
    return names


def _check_gaps(labels: Tensor, where: str) -> None:
    present = torch.unique(labels).tolist() if labels.ndim == 1 else []
    if len(present) > 1 and present[0] >= 0 and present[-1] >= len(present):
        shown = ", ".join(map(str, present[:8])) + (", …" if len(present) > 8 else "")
        raise InputError(
            f"{where} has the labels {shown}; expected 0 … {len(present) - 1} without gaps, or `classes`"
        )


def _pictures(array: NDArray[np.generic], where: str) -> Tensor:
    shape = array.shape
    if array.dtype != np.uint8:
        raise InputError(f"{where} is {array.dtype}; expected uint8 values 0…255")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and shape[1] not in (1, 3) and shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    elif not (array.ndim == 4 and shape[1] in (1, 3)):
        raise InputError(f"{where} is {shape}; expected (n, 3, h, w), (n, h, w, 3) or (n, h, w)")
    return torch.from_numpy(np.ascontiguousarray(array))


def _labels(array: NDArray[np.generic], where: str) -> Tensor:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and bool((np.isfinite(array) & (array == np.rint(array))).all())
    )
    if array.ndim not in (1, 2) or not whole:
        raise InputError(
            f"{where} is {array.dtype} {array.shape}; expected whole numbers, (n,) or (n, classes)"
        )
    if array.ndim == 1:
        extreme = max((int(value) for value in (array.min(initial=0), array.max(initial=0))), key=abs)
        if abs(extreme) >= 1 << 53:
            raise InputError(f"{where} has the label {extreme}; expected 0, 1, … without gaps")
        return torch.from_numpy(array.astype(np.int64))
    if not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{where} is {array.shape} with values other than 0 and 1; expected one column per class"
        )
    return torch.from_numpy(array.astype(np.float32))

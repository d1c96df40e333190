"""Pictures and labels in one .npz file: `x_train`, `y_train`, perhaps `x_test`, `y_test`, `x_val`, `y_val`.

Pictures are uint8, (n, 3, h, w), (n, h, w, 3) or grey (n, h, w), (n, h, w, 1), (n, 1, h, w). Labels are
whole numbers (n,) or (n, 1) from 0, or (n, classes) of 0 and 1 for several at once. `classes` may hold
the names. Nothing is ever unpickled.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.arrays import Arrays
from pellucid.types.errors import InputError


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
    splits = {}
    for split in ("train", "val", "test"):
        pictures, labels = arrays.get(f"x_{split}"), arrays.get(f"y_{split}")
        if pictures is None and labels is None:
            continue
        if pictures is None or labels is None:
            raise InputError(f"{path}: {'x' if pictures is None else 'y'}_{split} is missing")
        splits[split] = (_pictures(pictures, f"{path}: x_{split}"), _labels(labels, f"{path}: y_{split}"))
    classes = tuple(str(name) for name in arrays.get("classes", ()))
    return Arrays(path.stem, str(path), splits, classes)


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
    whole = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool((array == np.rint(array)).all()))
    if array.ndim not in (1, 2) or not whole:
        raise InputError(
            f"{where} is {array.dtype} {array.shape}; expected whole numbers, (n,) or (n, classes)"
        )
    if array.ndim == 1:
        return torch.from_numpy(array.astype(np.int64))
    if not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{where} is {array.shape} with values other than 0 and 1; expected one column per class"
        )
    return torch.from_numpy(array.astype(np.float32))

"""torchvision's classification sets by name: it fetches and unpacks them, and knows where their files lie.

CIFAR's files are pickles by their authors; torchvision loads them only after it has compared their MD5
sums with the published.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.arrays import Arrays, open_arrays
from pellucid.data.folder import find_folder
from pellucid.data.idx import find_idx
from pellucid.data.listing import Entry, Listing, open_listing
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.types.errors import InputError

_Splits = Mapping[str, Mapping[str, object]]

_FLAG: _Splits = {"train": {"train": True}, "test": {"train": False}}
_WORD: _Splits = {"train": {"split": "train"}, "test": {"split": "test"}}
_TRAIN_VAL_TEST: _Splits = {"train": {"split": "train"}, "val": {"split": "val"}, "test": {"split": "test"}}
_TRAINVAL: _Splits = {"train": {"split": "trainval"}, "test": {"split": "test"}}
_VALID: _Splits = {"train": {"split": "train"}, "val": {"split": "valid"}, "test": {"split": "test"}}
_TRAIN_VAL: _Splits = {"train": {"split": "train"}, "test": {"split": "val"}}
_WHOLE: _Splits = {"train": {}}
_BALANCED: _Splits = {split: {"split": "balanced", **flag} for split, flag in _FLAG.items()}


@dataclass(frozen=True)
class VisionSet:
    """`kind` is torchvision's class, `place` what its root then holds, `splits` the arguments for each split.

    `read` makes of the root and the splits' opened objects what is opened as any other set.
    """

    kind: str
    place: str
    splits: _Splits
    read: Callable[[VisionSet, Path, Mapping[str, Any]], Arrays | Listing]


def _from_idx(known: VisionSet, root: Path, opened: Mapping[str, Any]) -> Arrays:
    """MNIST's format is read by ourselves, so that the packed files do as well."""
    found = find_idx((root / known.place).parent)
    if found is None:
        raise FileNotFoundError(root / known.place)
    return Arrays(known.kind, found.where, found.splits, _class_names(known.kind))


def _from_arrays(known: VisionSet, root: Path, opened: Mapping[str, Any]) -> Arrays:
    splits = {split: (_pictures(known, it.data), _labels(it)) for split, it in opened.items()}
    return Arrays(known.kind, str(root), splits, tuple(getattr(opened["train"], "classes", ())))


def _from_folder(known: VisionSet, root: Path, opened: Mapping[str, Any]) -> Listing:
    return find_folder(root / known.place)


def _from_lists(known: VisionSet, root: Path, opened: Mapping[str, Any]) -> Listing:
    """torchvision has no public list of a set's files; its objects keep them under one of these names."""
    entries = []
    for split, it in opened.items():
        if hasattr(it, "_samples"):
            pairs = list(it._samples)
        else:
            pairs = list(zip(getattr(it, "_image_files", None) or it._images, it._labels, strict=True))
        entries += [
            Entry(split, Path(os.path.relpath(path, root)).as_posix(), (int(label),)) for path, label in pairs
        ]
    count = 1 + max(entry.labels[0] for entry in entries)
    classes = tuple(getattr(opened["train"], "classes", ())) or tuple(map(str, range(count)))
    return Listing(known.kind, root, classes, tuple(entries))


SETS: Mapping[str, VisionSet] = {
    "mnist": VisionSet("MNIST", "MNIST/raw", _FLAG, _from_idx),
    "fashion-mnist": VisionSet("FashionMNIST", "FashionMNIST/raw", _FLAG, _from_idx),
    "kmnist": VisionSet("KMNIST", "KMNIST/raw", _FLAG, _from_idx),
    "emnist": VisionSet("EMNIST", "EMNIST/raw", _BALANCED, _from_arrays),
    "qmnist": VisionSet("QMNIST", "QMNIST/raw", _FLAG, _from_arrays),
    "usps": VisionSet("USPS", "usps.bz2", _FLAG, _from_arrays),
    "cifar10": VisionSet("CIFAR10", "cifar-10-batches-py", _FLAG, _from_arrays),
    "cifar100": VisionSet("CIFAR100", "cifar-100-python", _FLAG, _from_arrays),
    "svhn": VisionSet("SVHN", "train_32x32.mat", _WORD, _from_arrays),
    "stl10": VisionSet("STL10", "stl10_binary", _WORD, _from_arrays),
    "food101": VisionSet("Food101", "food-101", _WORD, _from_lists),
    "oxford-pets": VisionSet("OxfordIIITPet", "oxford-iiit-pet", _TRAINVAL, _from_lists),
    "flowers102": VisionSet("Flowers102", "flowers-102", _TRAIN_VAL_TEST, _from_lists),
    "dtd": VisionSet("DTD", "dtd", _TRAIN_VAL_TEST, _from_lists),
    "gtsrb": VisionSet("GTSRB", "gtsrb", _WORD, _from_lists),
    "aircraft": VisionSet("FGVCAircraft", "fgvc-aircraft-2013b", _TRAINVAL, _from_lists),
    "sun397": VisionSet("SUN397", "SUN397", _WHOLE, _from_lists),
    "eurosat": VisionSet("EuroSAT", "eurosat/2750", _WHOLE, _from_folder),
    "caltech101": VisionSet("Caltech101", "caltech101/101_ObjectCategories", _WHOLE, _from_folder),
    "imagenette": VisionSet("Imagenette", "imagenette2", _TRAIN_VAL, _from_folder),
    "country211": VisionSet("Country211", "country211", _VALID, _from_folder),
    "rendered-sst2": VisionSet("RenderedSST2", "rendered-sst2", _VALID, _from_folder),
}


def open_vision(name: str, settings: DataSettings) -> Data:
    """`InputError` if the set is not where it should be and is not to be fetched."""
    known = SETS[name]
    root = settings.path or default_root()
    try:
        opened = _opened(known, root, settings.download)
        found = known.read(known, root, opened)
    except (RuntimeError, FileNotFoundError) as error:
        raise InputError(
            f"{name} is not in {root} ({str(error).splitlines()[0]});"
            " fetch it with --data.download, or say where it is with --data"
        ) from error
    return open_listing(found, settings) if isinstance(found, Listing) else open_arrays(found, settings)


def default_root() -> Path:
    """Where named sets are kept if no path is given: $PELLUCID_DATA, or ~/.cache/pellucid."""
    return Path(os.environ.get("PELLUCID_DATA") or Path.home() / ".cache" / "pellucid")


def _opened(known: VisionSet, root: Path, download: bool) -> dict[str, Any]:
    """torchvision's objects by split; none for what we read ourselves once it is there."""
    ours = known.read in (_from_idx, _from_folder)
    if ours and (root / known.place).exists():
        return {}
    import torchvision

    kind = getattr(torchvision.datasets, known.kind)
    if not download and not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    root.mkdir(parents=True, exist_ok=True)
    # SUN397 and others look for their files only when told not to download them again.
    return {
        split: kind(str(root), **arguments, download=download and not (root / known.place).exists())
        for split, arguments in known.splits.items()
    }


def _class_names(kind: str) -> tuple[str, ...]:
    import torchvision

    # MNIST's are "0 - zero"; the digit says it all.
    return tuple(str(name).partition(" - ")[0] for name in getattr(torchvision.datasets, kind).classes)


def _pictures(known: VisionSet, data: Any) -> Tensor:
    pictures = torch.from_numpy(np.ascontiguousarray(data)) if isinstance(data, np.ndarray) else data
    if pictures.ndim == 3:
        # EMNIST's pictures are stored with rows and columns exchanged.
        return (pictures.transpose(1, 2).contiguous() if known.kind == "EMNIST" else pictures)[:, None]
    return pictures if pictures.shape[1] == 3 else pictures.permute(0, 3, 1, 2).contiguous()


def _labels(it: Any) -> Tensor:
    labels = torch.as_tensor(np.asarray(it.targets if hasattr(it, "targets") else it.labels)).to(torch.int64)
    return labels[:, 0] if labels.ndim == 2 else labels  # QMNIST keeps more than the digit


DATASETS: Mapping[str, Callable[[DataSettings], Data]] = {name: partial(open_vision, name) for name in SETS}

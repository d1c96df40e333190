"""torchvision's sets by name, laid out on disk as torchvision unpacks them."""

from __future__ import annotations

import bz2
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from pellucid.data import DATASETS
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.vision import SETS
from pellucid.types.errors import InputError


def picture(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), colour).save(path, quality=100)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_every_set_exists_in_torchvision_and_is_listed() -> None:
    for name, known in SETS.items():
        assert hasattr(torchvision.datasets, known.kind)
        assert name in DATASETS
        assert callable(DATASETS[name])


@pytest.mark.parametrize("packed", [False, True])
def test_fashion_mnist_has_its_class_names(tmp_path: Path, packed: bool) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    labels = np.arange(20, dtype=np.uint8) % 10
    for stem in ("train", "t10k"):
        for kind, array in (("images-idx3", np.zeros((20, 28, 28), np.uint8)), ("labels-idx1", labels)):
            file = raw / f"{stem}-{kind}-ubyte{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    data = open_data(DataSettings(name="fashion-mnist", path=tmp_path))
    assert data.info.classes[:2] == ("T-shirt/top", "Trouser")
    assert data.info.counts == {"train": 20, "test": 20}


def test_usps(tmp_path: Path) -> None:
    line = "{} " + " ".join(f"{index + 1}:{0.0 if index else 1.0}" for index in range(256)) + "\n"
    for name in ("usps.bz2", "usps.t.bz2"):
        (tmp_path / name).write_bytes(
            bz2.compress("".join(line.format(digit) for digit in range(1, 11)).encode())
        )
    data = open_data(DataSettings(name="usps", path=tmp_path))
    assert data.info.shape == (1, 16, 16)
    batch = data.splits["train"].fetch(torch.arange(10))
    assert batch.inputs[:, 0, 0, :2].tolist() == [[255, 127]] * 10
    assert batch.targets.tolist() == list(range(10))


def test_food101_from_its_lists(tmp_path: Path) -> None:
    meta = tmp_path / "food-101" / "meta"
    meta.mkdir(parents=True)
    for split, first in (("train", 0), ("test", 3)):
        lists = {name: [f"{name}/{first + index}" for index in range(2)] for name in ("pie", "apple")}
        (meta / f"{split}.json").write_text(json.dumps(lists))
        for files in lists.values():
            for file in files:
                picture(
                    tmp_path / "food-101" / "images" / f"{file}.jpg", (200 if "pie" in file else 20, 0, 0)
                )
    data = open_data(DataSettings(name="food101", path=tmp_path))
    assert data.info.classes == ("apple", "pie")
    batch = data.splits["test"].fetch(torch.arange(4))
    assert ((batch.inputs[:, 0, 9, 9] > 100).long() == batch.targets).all()


def test_eurosat_is_a_folder_of_classes(tmp_path: Path) -> None:
    for index in range(10):
        picture(tmp_path / f"eurosat/2750/{'Forest' if index % 2 else 'River'}/{index}.jpg", (index, 0, 0))
    data = open_data(DataSettings(name="eurosat", path=tmp_path))
    assert data.info.classes == ("Forest", "River")
    assert data.info.counts == {"train": 8, "test": 2}


@pytest.mark.parametrize("name", ["mnist", "cifar10", "food101", "imagenette", "usps"])
def test_a_set_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for home in (tmp_path, tmp_path / "none"):
        monkeypatch.setenv("PELLUCID_DATA", str(home))
        with pytest.raises(
            InputError, match=f"{name} is not in {home}.*fetch it with --data.download"
        ) as caught:
            open_data(DataSettings(name=name))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "none").exists()


def test_a_damaged_cifar_is_refused_before_it_is_unpickled(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        (folder / name).write_bytes(f"cos\nsystem\n(S'touch {tmp_path}/owned'\ntR.".encode())
    with pytest.raises(InputError, match="cifar10 is not in"):
        open_data(DataSettings(name="cifar10", path=tmp_path))
    assert not (tmp_path / "owned").exists()

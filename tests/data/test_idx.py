"""IDX files, made by hand from the published description of the format, and the real MNIST."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.idx import find_idx, read_idx
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 5, 4), dtype=np.uint8)


def labels(count: int) -> np.ndarray:
    return (np.arange(count) % 3).astype(np.uint8)


def write(folder: Path, packed: bool = False, test: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, count in (("train", 9), ("t10k", 4)) if test else (("train", 9),):
        for kind, array in (("images-idx3", pictures(count)), ("labels-idx1", labels(count))):
            data = idx(array)
            name = f"{stem}-{kind}-ubyte"
            (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
def test_the_four_files(tmp_path: Path, place: str, packed: bool) -> None:
    write(tmp_path / place, packed)
    data = open_data(DataSettings(path=tmp_path))
    assert data.info.counts == {"train": 9, "test": 4}
    assert data.info.classes == ("0", "1", "2")
    assert data.info.shape == (1, 5, 4)
    batch = data.splits["test"].fetch(torch.arange(4))
    assert np.array_equal(batch.inputs[:, 0].numpy(), pictures(4))
    assert batch.targets.tolist() == [0, 1, 2, 0]


def test_without_test_files_a_fifth_is_held_out(tmp_path: Path) -> None:
    data = open_data(DataSettings(path=write(tmp_path, test=False)))
    assert data.info.counts == {"train": 6, "test": 3}
    assert data.info.class_counts == (2, 2, 2)


def test_a_folder_without_them_is_not_idx(tmp_path: Path) -> None:
    assert find_idx(tmp_path) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected two zero bytes, got nothing"),
        (b"\x89PNG", "expected two zero bytes, got 89 50"),
        (idx(pictures(2), kind=0x0D), "expected values of type 0x08 .*got 0x0d"),
        (idx(pictures(2))[:9], "cut short in its header"),
        (idx(pictures(2))[:-1], "2 × 5 × 4 values are 40 bytes, the file has 39"),
        (idx(pictures(2)) + b"x", "the file has 41"),
        (
            struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 4),
            "are 18,446,744,073,709,551,616 bytes, the file has 0",
        ),
    ],
)
def test_damaged_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_a_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for data in (gzip.compress(idx(pictures(20)))[:-30], b"hello"):
        path.write_bytes(data)
        with pytest.raises(InputError, match="gzip file is damaged"):
            read_idx(path)


def test_missing_and_mismatched_files(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(labels(3)))
    with pytest.raises(InputError, match="test has 4 pictures, but 3 labels"):
        open_data(DataSettings(path=tmp_path))
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="testing labels are missing"):
        open_data(DataSettings(path=tmp_path))


def test_a_label_that_training_does_not_know(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([0, 1, 7, 2], dtype=np.uint8)))
    with pytest.raises(InputError, match="test has the label 7; expected 0 to 2, the labels of train"):
        open_data(DataSettings(path=tmp_path))


def test_mnist(shared_data: Path) -> None:
    data = open_data(DataSettings(name="mnist", path=shared_data / "mnist"))
    assert data.info.counts == {"train": 60000, "test": 10000}
    assert data.info.class_counts == (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    assert data.info.classes == tuple("0123456789")
    # The statistics everyone normalises MNIST by.
    assert data.info.preprocessing.mean == pytest.approx((0.1307,), abs=5e-5)
    assert data.info.preprocessing.std == pytest.approx((0.3081,), abs=5e-5)

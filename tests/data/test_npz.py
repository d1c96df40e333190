"""The .npz format in all its layouts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.arrays import brought_to
from pellucid.data.npz import read_npz
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (6, 3, 5, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def write(path: Path, **arrays: object) -> Path:
    whole = {"x_train": COLOUR, "y_train": LABELS, "x_test": COLOUR[:2], "y_test": LABELS[:2]} | arrays
    np.savez(path, **{name: array for name, array in whole.items() if array is not None})
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "set.npz"


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR),
        (COLOUR[:, 0], COLOUR[:, :1]),
        (COLOUR[:, :1], COLOUR[:, :1]),
        (COLOUR[:, 0, :, :, None], COLOUR[:, :1]),
    ],
)
def test_layouts(path: Path, pictures: np.ndarray, expected: np.ndarray) -> None:
    data = open_data(DataSettings(path=write(path, x_train=pictures, x_test=pictures[:2])))
    batch = data.splits["train"].fetch(torch.arange(6))
    assert np.array_equal(batch.inputs.numpy(), expected)
    assert batch.targets.tolist() == LABELS.tolist()
    assert data.info.name == "set"
    assert data.info.classes == ("0", "1", "2")


def test_labels_in_a_column_or_as_floats_and_named_classes(path: Path) -> None:
    write(path, y_train=LABELS[:, None].astype(np.float32), classes=np.array(["a", "b", "c", "d"]))
    data = open_data(DataSettings(path=path))
    assert data.info.classes == ("a", "b", "c", "d")
    assert data.info.class_counts == (2, 2, 2, 0)


def test_multilabel(path: Path) -> None:
    hot = np.eye(3, dtype=np.uint8)[LABELS]
    hot[0] = 1
    data = open_data(DataSettings(path=write(path, y_train=hot, y_test=hot[:2])))
    assert data.info.multilabel
    assert data.splits["train"].targets.dtype == torch.float32
    assert data.info.class_counts == (2, 3, 3)


def test_a_split_is_held_out_where_there_is_none(path: Path) -> None:
    write(
        path,
        x_train=RANDOM.integers(0, 256, (30, 3, 5, 4), np.uint8),
        y_train=np.tile(LABELS, 5),
        x_test=None,
        y_test=None,
    )
    assert open_data(DataSettings(path=path)).info.counts == {"train": 24, "test": 6}
    folded = open_data(DataSettings(path=path, folds=3, fold=1))
    assert folded.info.counts == {"train": 20, "test": 10}


def test_size_and_channels_are_brought_to_what_is_asked() -> None:
    pictures = torch.from_numpy(COLOUR)
    grey = brought_to(pictures, DataSettings(channels="L"))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert ((pictures * weights).sum(1, keepdim=True) - grey).abs().max() <= 0.51
    assert torch.equal(brought_to(grey, DataSettings(channels="RGB")), grey.expand(-1, 3, -1, -1))
    assert brought_to(pictures, DataSettings(size=8)).shape == (6, 3, 8, 8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": None}, r"expected the arrays x_train and y_train .*it holds y_train, x_test, y_test"),
        ({"y_test": None}, "y_test is missing"),
        ({"x_train": COLOUR / 255}, "x_train is float64; expected uint8"),
        ({"x_train": COLOUR[0, 0]}, r"x_train is \(5, 4\); expected \(n, 3, h, w\)"),
        ({"x_train": COLOUR[:, :2]}, r"x_train is \(6, 2, 5, 4\)"),
        ({"y_train": LABELS[:5]}, "train has 6 pictures, but 5 labels"),
        ({"y_train": LABELS + 0.5}, "y_train is float64 .*expected whole numbers"),
        ({"y_train": LABELS - 1}, "train has the label -1; expected 0 to 1"),
        ({"y_test": LABELS[:2] + 7}, "test has the label 8; expected 0 to 2"),
        ({"y_train": LABELS * 500}, r"y_train has the labels 0, 500, 1000; expected 0 … 2 without gaps"),
        ({"y_train": LABELS * 10**12}, r"y_train has the labels 0, 1000000000000, 2000000000000"),
        ({"y_train": np.where(LABELS == 1, np.inf, LABELS)}, "y_train is float64 .*expected whole numbers"),
        ({"y_train": np.where(LABELS == 1, np.nan, LABELS)}, "y_train is float64 .*expected whole numbers"),
        ({"y_train": np.array([0, 1, 2, 0, 1, 2**64 - 1], np.uint64)}, "has the label 18446744073709551615"),
        ({"y_test": np.eye(3, dtype=int)[:2]}, "test has labels of 2 dimensions, train of 1"),
        (
            {"x_train": COLOUR[:, :, :0], "x_test": COLOUR[:2, :, :0]},
            r"pictures of \(3, 0, 4\); expected one",
        ),
        ({"classes": np.array("abc")}, r"classes is \(\); expected a list of names"),
        ({"classes": np.array(["a", "a", "b"])}, "classes has the name 'a' twice"),
        ({"x_valid": COLOUR}, "unknown array x_valid; the splits are called train, val and test"),
        (
            {"y_train": LABELS % 2, "classes": np.array(["a", "b", "c"]), "y_test": LABELS[1:3]},
            "test has 'c'",
        ),
        (
            {"x_train": COLOUR[:2], "y_train": LABELS[:2], "x_test": None, "y_test": None},
            "no picture is left for test",
        ),
        ({"classes": np.array(["a", "b"])}, "train has the label 2; expected 0 to 1$"),
        ({"y_train": LABELS * 0, "y_test": LABELS[:2] * 0}, "all training labels are 0"),
        ({"y_train": np.stack([LABELS] * 3, 1)}, "values other than 0 and 1"),
        ({"x_test": COLOUR[:2, :, :4]}, r"test has pictures of \(3, 4, 4\), train of \(3, 5, 4\)"),
        ({"x_train": COLOUR[:0], "y_train": LABELS[:0]}, "train is empty"),
        (
            {"y_train": np.array([{}, 1, 2, 3, 4, 5], dtype=object)},
            "holds Python objects, which are never loaded",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_data(DataSettings(path=write(path, **arrays)))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_copies_stay_on_one_side(path: Path) -> None:
    pictures = RANDOM.integers(0, 256, (40, 3, 5, 4), np.uint8)
    write(path, x_train=np.tile(pictures, (2, 1, 1, 1)), y_train=np.arange(80) % 2, x_test=None, y_test=None)
    for settings in (DataSettings(path=path), DataSettings(path=path, folds=5, fold=2)):
        splits = open_data(settings).splits
        train, test = (
            {picture.numpy().tobytes() for picture in splits[name].inputs} for name in ("train", "test")
        )
        assert len(splits["test"]) == 16
        assert not train & test


def test_damaged_files(path: Path) -> None:
    whole = write(path).read_bytes()
    for data in (b"", b"hello", whole[:200], whole[:100] + b"????" + whole[104:]):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"not an \.npz file, or damaged"):
            read_npz(path)


def test_cifar_lossless(shared_data: Path) -> None:
    path = shared_data / "cifar10_lossless" / "cifar10_lossless.npz"
    data = open_data(DataSettings(path=path))
    assert data.info.counts == {"train": 4000, "test": 1000}
    assert data.info.shape == (3, 32, 32)
    # CIFAR-10's first test picture is a cat.
    assert data.splits["test"].fetch(torch.tensor([0])).targets.tolist() == [3]

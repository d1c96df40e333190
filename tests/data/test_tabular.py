"""Tables of numbers: columns, standardisation, folds, and rows that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.types.errors import InputError


def write(path: Path, text: str) -> Path:
    file = path / "houses.csv"
    file.write_text(text)
    return file


ROWS = "\n".join(f"{i},{i * i},{3 * i - 1}" for i in range(10))


@pytest.mark.parametrize(
    ("header", "target", "features"),
    [("a,b,price", "", [0, 1]), ("a,target,c", "", [0, 2]), ("a,b,c", "a", [1, 2])],
)
def test_the_target_column(tmp_path: Path, header: str, target: str, features: list[int]) -> None:
    data = open_data(DataSettings(path=write(tmp_path, f"{header}\n{ROWS}"), target=target))
    assert data.info.counts == {"train": 8, "test": 2}
    assert data.info.shape == (2,)
    assert data.info.classes == ()
    table = np.array([[i, i * i, 3 * i - 1] for i in range(10)], dtype=np.float32)
    for source in data.splits.values():
        batch = source.fetch(torch.arange(len(source)))
        for row, value in zip(batch.inputs.numpy(), batch.targets.tolist(), strict=True):
            (match,) = [whole for whole in table if np.array_equal(whole[features], row)]
            assert [value] == np.delete(match, features).tolist()


def test_standardisation_is_the_training_splits(tmp_path: Path) -> None:
    data = open_data(DataSettings(name="diabetes", folds=5, fold=3))
    preprocessing = data.info.preprocessing
    scaler = StandardScaler().fit(data.splits["train"].inputs.double().numpy())
    assert preprocessing.mean == pytest.approx(scaler.mean_)
    assert preprocessing.std == pytest.approx(scaler.scale_)
    assert preprocessing.scale == 1
    constant = open_data(DataSettings(path=write(tmp_path, "a,b\n" + "\n".join(f"7,{i}" for i in range(5)))))
    assert constant.info.preprocessing.std == (1.0,)


def test_the_folds_of_diabetes_cover_it_once() -> None:
    parts = [
        open_data(DataSettings(name="diabetes", folds=5, fold=fold)).splits["test"].targets
        for fold in range(5)
    ]
    assert sorted(map(len, parts)) == [88, 88, 88, 89, 89]
    assert sorted(torch.cat(parts).tolist()) == sorted(load_diabetes().target.tolist())


def test_rows_without_a_number_are_left_out(tmp_path: Path) -> None:
    text = f"a,b,c\n{ROWS}\n1,,2\n1,abc,2\n1,nan,2\n1,2\n"
    data = open_data(DataSettings(path=write(tmp_path, text)))
    assert sum(data.info.counts.values()) == 10
    assert [(left.path, left.reason) for left in data.info.left_out] == [
        ("line 12", "b is empty"),
        ("line 13", "b is not a number: 'abc'"),
        ("line 14", "b is nan"),
        ("line 15", "c is empty"),
    ]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,b\nx,y", "", "no row has a number in every column; line 2: a is not a number: 'x'"),
        ("a\n1", "", "expected two columns or more, got a"),
        ("a,b\n1,2", "c", "no column 'c' to predict; it has a, b"),
        ("a,b\n1,2", "", "no row is left for test"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, text: str, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_data(DataSettings(path=write(tmp_path, text), target=target))

"""Tables of numbers with a column to predict: CSV files, and the diabetes data of Efron et al. (2004)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pellucid.data.manifest import read_rows
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.splits import divide
from pellucid.data.tensors import InMemory, fingerprint
from pellucid.types.data_info import DataInfo, LeftOut, Preprocessing
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class Table:
    """`features` (n, columns), `targets` (n,), float32; the columns' names; rows that could not be used."""

    name: str
    features: Tensor
    targets: Tensor
    columns: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


NO_ROW = "no row is left for {}; give it more rows, or another division"


def division(table: Table, settings: DataSettings) -> dict[str, list[int]]:
    """The rows of each split to train with; rows of equal content stay on one side."""
    first: dict[bytes, int] = {}
    contents = [
        features.numpy().tobytes() + target.numpy().tobytes()
        for features, target in zip(table.features, table.targets, strict=True)
    ]
    names = [str(first.setdefault(content, row)) for row, content in enumerate(contents)]
    return divide({"train": range(len(names))}, settings, names.__getitem__, lambda row: 0)


def open_table(table: Table, settings: DataSettings) -> Data:
    """Features are standardised by the training split's statistics (`Preprocessing`); targets are kept."""
    divided = division(table, settings)
    splits = {}
    for split, rows in divided.items():
        chosen = torch.tensor(rows, dtype=torch.int64)
        if not len(chosen):
            raise InputError(f"{table.name}: {NO_ROW.format(split)}")
        splits[split] = InMemory(table.features[chosen], table.targets[chosen])
    train = splits["train"].inputs.double()
    deviation = train.std(0, correction=0)
    answers = splits["train"].targets.double()
    info = DataInfo(
        name=table.name,
        shape=(table.features.shape[1],),
        classes=(),
        counts={split: len(source) for split, source in splits.items()},
        class_counts=(),
        preprocessing=Preprocessing(
            mean=tuple(train.mean(0).tolist()),
            std=tuple(torch.where(deviation > 0, deviation, 1.0).tolist()),
            scale=1.0,
            channels="",
        ),
        fingerprint=fingerprint(*(t for source in splits.values() for t in (source.inputs, source.targets))),
        left_out=table.left_out,
        target_mean=float(answers.mean()),
        target_std=float(answers.std(correction=0)),
    )
    return Data(info, splits)


def read_table(path: Path, target: str = "") -> Table:
    """The column to predict is `target`, by default the one called "target", or the last.

    A row with an empty cell or anything but a finite number is left out, and counted.
    """
    columns, rows = read_rows(path)
    if len(columns) < 2:
        raise InputError(f"{path}: expected two columns or more, got {', '.join(columns)}")
    if target and target not in columns:
        raise InputError(f"{path}: no column {target!r} to predict; it has {', '.join(columns)}")
    target = target or ("target" if "target" in columns else columns[-1])
    values, left_out = [], []
    for line, row in enumerate(rows, start=2):
        fault = next(
            (_fault(name, row.get(name, "")) for name in columns if _fault(name, row.get(name, ""))), ""
        )
        if fault:
            left_out.append(LeftOut(f"line {line}", fault))
        else:
            values.append([float(row[name]) for name in columns])
    if not values:
        raise InputError(
            f"{path}: no row has a number in every column; {left_out[0].path}: {left_out[0].reason}"
        )
    table = torch.tensor(values, dtype=torch.float64)
    features = [index for index, name in enumerate(columns) if name != target]
    return Table(
        path.stem,
        table[:, features].float(),
        table[:, columns.index(target)].float(),
        tuple(columns[index] for index in features),
        tuple(left_out),
    )


def open_diabetes(settings: DataSettings) -> Data:
    """442 patients, 10 measurements each, and their disease's progression a year later, 25 … 346."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    features, targets = torch.from_numpy(bunch.data).float(), torch.from_numpy(bunch.target).float()
    return open_table(Table("diabetes", features, targets, tuple(bunch.feature_names)), settings)


def _fault(name: str, cell: str) -> str:
    try:
        return "" if math.isfinite(float(cell)) else f"{name} is {cell.strip()}"
    except ValueError:
        return f"{name} is not a number: {cell.strip()!r}" if cell.strip() else f"{name} is empty"


DATASETS: Mapping[str, Callable[[DataSettings], Data]] = {"diabetes": open_diabetes}

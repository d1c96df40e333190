"""A CSV file that lists pictures: the columns `path`, `label` and perhaps `split`.

Paths are relative to the file. Several labels, separated by ";" or "|", make the set multi-label.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pellucid.data.folder import natural
from pellucid.data.listing import Entry, Listing
from pellucid.data.splits import ALIASES
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError

PATH_COLUMNS = ("path", "file", "filename", "image")
LABEL_COLUMNS = ("label", "labels", "class", "target")
SPLIT_COLUMNS = ("split", "subset", "set")


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The header and the rows of a CSV file in UTF-8, separated by comma, semicolon or tab."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not text in UTF-8 (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(text.splitlines(), delimiter=separator, restval="")
    try:
        rows = [
            {(key or "").strip(): value for key, value in row.items() if isinstance(value, str)}
            for row in reader
        ]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not CSV ({error})") from error
    columns = [name.strip() for name in reader.fieldnames or ()]
    if not rows:
        raise InputError(f"{path}: no rows; expected a header and at least one row")
    return columns, rows


def manifests(folder: Path) -> list[Path]:
    """The CSV files in `folder` that list pictures with labels."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".csv", ".tsv") and path.is_file() and not path.name.startswith("."):
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                columns = [name.strip().strip('"') for name in re.split("[,;\t]", file.readline())]
            if is_manifest(columns) and _column(columns, LABEL_COLUMNS):
                found.append(path)
    return found


def is_manifest(columns: Sequence[str]) -> bool:
    return _column(columns, PATH_COLUMNS) is not None


def read_manifest(path: Path) -> Listing:
    columns, rows = read_rows(path)
    path_column, label_column = _column(columns, PATH_COLUMNS), _column(columns, LABEL_COLUMNS)
    if path_column is None or label_column is None:
        missing = "path" if path_column is None else "label"
        raise InputError(
            f"{path}: no column {missing!r}; expected path, label[, split]; it has {', '.join(columns)}"
        )
    split_column = _column(columns, SPLIT_COLUMNS)
    labels = [_labels(row[label_column]) for row in rows]
    multilabel = label_column.lower() == "labels" or any(len(names) > 1 for names in labels)
    classes = sorted({name for names in labels for name in names}, key=natural)
    if len(classes) < 2:
        raise InputError(
            f"{path}: expected two classes or more in the column {label_column!r}, got {classes}"
        )
    number = {name: index for index, name in enumerate(classes)}
    every, entries, left_out = [], [], []
    first_line: dict[Entry, int] = {}
    for line, (row, names) in enumerate(zip(rows, labels, strict=True), start=2):
        file = row[path_column].strip()
        split = _split(row, split_column, f"{path}: line {line}")
        entry = Entry(split, file, tuple(sorted({number[name] for name in names})))
        every.append(entry)
        why = _fault(path.parent, file, names, multilabel)
        if not why and first_line.setdefault(entry, line) != line:
            why = f"listed twice, in line {first_line[entry]} and again in line {line}"
        if why:
            left_out.append(LeftOut(file or f"{path.name} line {line}", why))
        else:
            entries.append(entry)
    listing = Listing(path.stem, path.parent, tuple(classes), tuple(every), multilabel, manifest=path)
    listing = listing.keep(entries, left_out)
    splits = listing.splits()
    if "train" not in splits:
        raise InputError(f"{path}: no row is of the split train; it has only {', '.join(splits)}")
    return listing


def _labels(cell: str) -> list[str]:
    return [name.strip() for name in re.split(r"[;|]", cell) if name.strip()]


def _fault(root: Path, file: str, names: Sequence[str], multilabel: bool) -> str:
    if not file:
        return "no path"
    if not names and not multilabel:
        return "no label"
    return "" if (root / file).is_file() else "no such file"


def _split(row: Mapping[str, str], column: str | None, where: str) -> str:
    word = row[column].strip().lower() if column else ""
    if word and word not in ALIASES:
        raise InputError(f"{where} has the split {word!r}; expected train, val or test")
    return ALIASES.get(word, "train")


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    return next((column for name in names for column in columns if column.lower() == name), None)

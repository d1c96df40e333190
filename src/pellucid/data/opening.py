"""From what a user says to a `Data`: a named set, or a path that is recognised by what is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid.data import DATASETS
from pellucid.data.arrays import Arrays, open_arrays
from pellucid.data.folder import find_folder, is_picture
from pellucid.data.idx import find_idx
from pellucid.data.listing import Listing, open_listing
from pellucid.data.manifest import is_manifest, manifests, read_manifest, read_rows
from pellucid.data.named import find_named, is_named
from pellucid.data.npz import read_npz
from pellucid.data.pair_folder import find_pairs, is_pair_list, read_pairs
from pellucid.data.pairs import PairListing, open_pairs
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.tabular import Table, open_table, read_table
from pellucid.types.errors import InputError, unknown_name

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


def open_data(settings: DataSettings) -> Data:
    """The set called `settings.name`, or what lies at `settings.path`.

    With both, the path goes before the name, unless the named set keeps its own files there (or is to be
    fetched to it).
    """
    if settings.name and settings.name not in DATASETS:
        raise unknown_name("dataset", settings.name, DATASETS)
    if settings.path is None:
        if not settings.name:
            raise InputError(
                "no data given; name a set (`pellucid list datasets`) or give a path with --data"
            )
        return DATASETS[settings.name](settings)
    if settings.name and (settings.download or _is_home_of(settings.name, settings.path)):
        return DATASETS[settings.name](settings)
    found = recognise(settings.path, settings.target)
    if isinstance(found, Listing):
        return open_listing(found, settings)
    if isinstance(found, PairListing):
        return open_pairs(found, settings)
    return open_arrays(found, settings) if isinstance(found, Arrays) else open_table(found, settings)


def recognise(path: Path, target: str = "") -> Listing | PairListing | Arrays | Table:
    """What lies at `path`, read but not opened: files listed, arrays loaded, a table's `target` apart."""
    if not path.exists():
        raise InputError(f"no such file or folder: {path}")
    if path.is_dir():
        return _recognise_folder(path, target)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        columns, _ = read_rows(path)
        if is_manifest(columns) and is_pair_list(columns):
            return read_pairs(path)
        return read_manifest(path) if is_manifest(columns) else read_table(path, target)
    if path.suffix.lower() in ARCHIVES:
        raise InputError(f"{path}: an archive; unpack it and give the folder")
    what = "one picture" if is_picture(path.name) else "a file of unknown kind"
    raise InputError(
        f"{path}: {what}; expected a folder of classes, a folder of IDX files, a .csv or an .npz file"
    )


def _recognise_folder(path: Path, target: str) -> Listing | PairListing | Arrays | Table:
    arrays = find_idx(path)
    if arrays is not None:
        return arrays
    pairs = find_pairs(path)
    if pairs is not None:
        return pairs
    children = [child for child in sorted(path.iterdir()) if not child.name.startswith(".")]
    if is_named(path):
        return find_named(path)
    if not any(child.is_dir() for child in children):
        sets = [child for child in children if child.suffix.lower() in (".npz", ".csv", ".tsv")]
        if len(sets) == 1:
            return recognise(sets[0], target)
        archives = [child.name for child in children if child.suffix.lower() in ARCHIVES]
        if archives:
            raise InputError(f"{path}: holds the archive {archives[0]}; unpack it and give the folder")
    lists = manifests(path)
    if len(lists) == 1 and sum(child.is_dir() for child in children) == 1:
        return read_manifest(lists[0])  # beside the folder of the pictures it lists
    try:
        return find_folder(path)
    except InputError as error:
        if not lists:
            raise
        raise InputError(f"{error}; or give the list, {lists[0]}") from error


def _is_home_of(name: str, path: Path) -> bool:
    from pellucid.data import mask_sets, vision

    places = {each: known.place for sets in (vision.SETS, mask_sets.SETS) for each, known in sets.items()}
    return name in places and (path / places[name]).exists()


def data_at(settings: DataSettings, given: str) -> DataSettings:
    """`settings` with what --data says: a path if there is one by that name, else a named set."""
    if not given:
        return settings if settings.path is None else replace(settings, path=settings.path.resolve())
    path = Path(given)
    if path.exists() or "/" in given:
        return replace(settings, path=path.resolve())
    return replace(settings, name=given, path=None)

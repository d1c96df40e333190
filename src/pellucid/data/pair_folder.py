"""Folders of pictures beside folders of label maps, lists of pairs, and COCO's files: found by what is there.

A picture and its label map have the same name before the suffix; the map's may go on with `_mask`, `_label`
or the like. Understood are, with any usual word for the folders,

- `root/images/…` and `root/masks/…`, either with a folder for each split or none,
- `root/train/images/…` and `root/train/masks/…`, and so on for each split,
- `root/train/…` and `root/trainannot/…`, and so on for each split,
- PASCAL VOC's folders, whose lists in `ImageSets/Segmentation` say what is of which split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.decode import decode_stored
from pellucid.data.folder import is_picture, natural
from pellucid.data.known_masks import known_codes
from pellucid.data.label_maps import Codes, coded, find_codes, observed_codes
from pellucid.data.listing import printable
from pellucid.data.manifest import read_rows
from pellucid.data.pairs import Pair, PairListing
from pellucid.data.regions import is_coco, read_coco
from pellucid.data.splits import ALIASES
from pellucid.types.data_info import LeftOut
from pellucid.types.errors import InputError

PICTURES = ("images", "image", "imgs", "img", "pictures", "photos", "jpegimages")
MASKS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annot", "gt", "labelmaps"),
    "segmentationclass",
)
ENDINGS = ("", *(f"{mark}{word}" for mark in "_-" for word in ("mask", "label", "labels", "gt", "seg", "L")))
MASK_COLUMNS = ("mask", "labels_path", "label_map", "annotation")
_LISTS = Path("ImageSets") / "Segmentation"

Place = tuple[str, Path, Path]  # split, folder of pictures, folder of label maps


def find_pairs(root: Path) -> PairListing | None:
    """The pairs under `root`, or None where there are no two folders that look so."""
    coco = _coco(root)
    if coco is not None:
        return coco
    places = list(_places(root))
    if not places:
        inner = _folders(root)
        alone = len(inner) == 1 and not any(is_picture(path.name) for path in root.iterdir())
        return find_pairs(next(iter(inner.values()))) if alone else None
    pairs, left_out = [], list[LeftOut]()
    for split, pictures, masks in places:
        found, lonely = _paired(root, split, pictures, masks)
        pairs += found
        left_out += lonely
    if not pairs:
        raise InputError(
            f"{root}: {places[0][1].name} and {places[0][2].name} have no file name in common; a picture and "
            "its label map are called alike"
        )
    listing = PairListing(root.resolve().name, root, coded({"0": 0, "1": 1}), tuple(pairs), tuple(left_out))
    listing = _listed(listing) if (root / _LISTS).is_dir() else listing
    return replace(listing, codes=_codes(listing))


def read_pairs(path: Path) -> PairListing:
    """A CSV file with the columns `path`, `mask` and perhaps `split`; the paths are relative to it."""
    columns, rows = read_rows(path)
    by_name = {column.lower(): column for column in columns}
    picture, mask = (
        next(by_name[name] for name in names if name in by_name)
        for names in (("path", "file", "filename", "image"), MASK_COLUMNS)
    )
    split_column = next((by_name[name] for name in ("split", "subset", "set") if name in by_name), None)
    pairs, left_out = [], []
    for line, row in enumerate(rows, start=2):
        word = row[split_column].strip().lower() if split_column else ""
        if word and word not in ALIASES:
            raise InputError(f"{path}: line {line} has the split {word!r}; expected train, val or test")
        files = [row[column].strip() for column in (picture, mask)]
        missing = [file for file in files if not file or not (path.parent / file).is_file()]
        if missing:
            left_out.append(LeftOut(files[0] or f"line {line}", f"no such file: {missing[0] or 'no path'}"))
        else:
            pairs.append(Pair(ALIASES.get(word, "train"), *files))
    if not pairs:
        raise InputError(f"{path}: none of its {len(rows)} rows names a picture and a label map that exist")
    listing = PairListing(path.stem, path.parent, coded({"0": 0, "1": 1}), tuple(pairs), tuple(left_out))
    return replace(listing, codes=_codes(listing))


def is_pair_list(columns: Sequence[str]) -> bool:
    return any(column.lower() in MASK_COLUMNS for column in columns)


def _folders(folder: Path) -> dict[str, Path]:
    return {
        path.name.lower(): path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith((".", "__MACOSX"))
    }


def _places(root: Path) -> Iterator[Place]:
    folders = _folders(root)
    beside = _beside(folders)
    if beside:
        pictures, masks = beside
        inner, labels = _folders(pictures), _folders(masks)
        splits = [name for name in inner if name in ALIASES and name in labels]
        yield from ((ALIASES[name], inner[name], labels[name]) for name in splits)
        if not splits:
            yield "train", pictures, masks
        return
    for name, folder in folders.items():
        if name not in ALIASES:
            continue
        within = _beside(_folders(folder))
        ends = (f"{mark}{word}" for mark in ("", "_", "-") for word in MASKS)
        maps = next((folders[name + end] for end in ends if name + end in folders), None)
        if within:
            yield (ALIASES[name], *within)
        elif maps:
            yield ALIASES[name], folder, maps


def _beside(folders: dict[str, Path]) -> tuple[Path, Path] | None:
    pictures = next((folders[name] for name in PICTURES if name in folders), None)
    masks = next((folders[name] for name in reversed(MASKS) if name in folders), None)
    return (pictures, masks) if pictures and masks else None


def _paired(root: Path, split: str, pictures: Path, masks: Path) -> tuple[list[Pair], list[LeftOut]]:
    """Pictures with a label map, and those that lack the other."""
    labels = {path.relative_to(masks).with_suffix("").as_posix(): path for path in _files(masks)}
    pairs, left_out, used = [], [], set()
    for path in _files(pictures):
        stem, name = path.relative_to(pictures).with_suffix("").as_posix(), path.relative_to(root).as_posix()
        own = next((stem + ending for ending in ENDINGS if stem + ending in labels), None)
        if own is None:
            left_out.append(LeftOut(printable(name), f"no label map of its name in {masks.name}"))
        else:
            used.add(own)
            pairs.append(Pair(split, name, labels[own].relative_to(root).as_posix()))
    for stem in sorted(labels.keys() - used, key=natural):
        where = printable(labels[stem].relative_to(root).as_posix())
        left_out.append(LeftOut(where, f"no picture of its name in {pictures.name}"))
    return pairs, left_out


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if is_picture(path.name))
    return sorted(found, key=lambda path: natural(path.as_posix()))


def _listed(listing: PairListing) -> PairListing:
    """VOC's pictures that are in the lists, by the split that each says; most pictures have no label map."""
    pairs = {Path(pair.picture).stem: pair for pair in listing.pairs}
    chosen, left_out = [], []
    for split in ("train", "val", "test"):
        path = listing.root / _LISTS / f"{split}.txt"
        for stem in path.read_text().split() if path.is_file() else ():
            if stem in pairs:
                chosen.append(replace(pairs[stem], split=split))
            elif split != "test":  # the public has no labels of VOC's test pictures
                left_out.append(LeftOut(stem, f"listed in {path.name}, but without picture and label map"))
    return replace(listing, pairs=(), left_out=()).keep(chosen, left_out)


def _codes(listing: PairListing) -> Codes:
    """What the labels mean: by a table, by knowing the set, or by what occurs."""
    codes = find_codes(listing.root) or known_codes(listing.root, [pair.picture for pair in listing.pairs])
    if codes is not None:
        return codes
    maps = (listing.root / pair.labels for pair in listing.pairs if isinstance(pair.labels, str))
    return observed_codes(_stored(maps), str(listing.root))


def _stored(paths: Iterator[Path]) -> Iterator[NDArray[np.integer]]:
    for path in paths:
        try:
            yield decode_stored(path)
        except (InputError, OSError):
            continue  # it is told of, by name, when the pairs are read


def _coco(root: Path) -> PairListing | None:
    """COCO's `annotations/instances_train….json`, or a JSON beside the pictures, with those pictures."""
    files = [
        path
        for folder in (root / "annotations", root)
        if folder.is_dir()
        for path in sorted(folder.glob("*.json"))
        if is_coco(path) and not path.name.startswith(("captions", "person_keypoints", "panoptic"))
    ]
    if not files:
        return None
    where = {path.name: path.relative_to(root).as_posix() for path in _files(root)}
    classes, pairs, left_out = tuple[str, ...](), list[Pair](), list[LeftOut]()
    for path in files:
        found = read_coco(path)
        if classes and classes != found.classes:
            raise InputError(f"{path}: other categories than in {files[0].name}")
        classes = found.classes
        split = next((ALIASES[word] for word in ALIASES if word in path.stem.lower()), "train")
        for name, regions in found.pictures:
            if Path(name).name in where:
                pairs.append(Pair(split, where[Path(name).name], regions))
            else:
                left_out.append(LeftOut(printable(name), f"listed in {path.name}, but no such picture"))
    codes = coded({name: number for number, name in enumerate(classes)})
    return PairListing(root.resolve().name, root, codes, (), ()).keep(pairs, left_out)

"""Published sets with label maps by name: torchvision fetches and unpacks them, and says what labels mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pellucid.data.label_maps import Codes, coded
from pellucid.data.pair_folder import find_pairs
from pellucid.data.pairs import Pair, PairListing, open_pairs
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.data.vision import default_root
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class MaskSet:
    """`place` is what the root holds once the set is there, `fetch` brings it, `read` lists its pairs."""

    place: str
    fetch: Callable[[Path], object] | None
    read: Callable[[Path], PairListing]


def _fetch_pets(root: Path) -> object:
    from torchvision.datasets import OxfordIIITPet

    return OxfordIIITPet(str(root), target_types="segmentation", download=True)


def _read_pets(root: Path) -> PairListing:
    """Trimaps: 1 pet, 2 background, 3 the border between, a class of its own as its authors have it."""
    folder = root / "oxford-iiit-pet"
    pairs = []
    for name, split in (("trainval", "train"), ("test", "test")):
        for line in (folder / "annotations" / f"{name}.txt").read_text().splitlines():
            stem = line.split()[0]
            pairs.append(Pair(split, f"images/{stem}.jpg", f"annotations/trimaps/{stem}.png"))
    codes = coded({"pet": 1, "background": 2, "border": 3})
    return PairListing("oxford-pets-masks", folder, codes, tuple(pairs))


def _fetch_voc(root: Path) -> object:
    from torchvision.datasets import VOCSegmentation

    return VOCSegmentation(str(root), year="2012", image_set="trainval", download=True)


def _read_voc(root: Path) -> PairListing:
    found = find_pairs(root / "VOCdevkit" / "VOC2012")
    if found is None:
        raise FileNotFoundError(root / "VOCdevkit" / "VOC2012" / "SegmentationClass")
    return replace(found, name="voc2012")


def _read_cityscapes(root: Path) -> PairListing:
    """The fine labels of 2,975 + 500 pictures with the 19 classes that the benchmark judges."""
    pairs = []
    for split in ("train", "val"):
        for path in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")):
            stem = path.name.removesuffix("_leftImg8bit.png")
            labels = f"gtFine/{split}/{path.parent.name}/{stem}_gtFine_labelIds.png"
            if (root / labels).is_file():
                pairs.append(Pair(split, path.relative_to(root).as_posix(), labels))
    if not pairs:
        raise FileNotFoundError(root / "gtFine" / "train")
    return PairListing("cityscapes", root, _cityscapes_codes(), tuple(pairs))


def _cityscapes_codes() -> Codes:
    from torchvision.datasets import Cityscapes

    known = Cityscapes.classes
    classes = tuple(each.name for each in known if not each.ignore_in_eval)
    values = {
        each.id: VOID if each.ignore_in_eval else classes.index(each.name) for each in known if each.id >= 0
    }
    return Codes(classes, values)


SETS: Mapping[str, MaskSet] = {
    "oxford-pets-masks": MaskSet("oxford-iiit-pet/annotations/trimaps", _fetch_pets, _read_pets),
    "voc2012": MaskSet("VOCdevkit/VOC2012/SegmentationClass", _fetch_voc, _read_voc),
    "cityscapes": MaskSet("gtFine", None, _read_cityscapes),
}


def open_mask_set(name: str, settings: DataSettings) -> Data:
    """`InputError` if the set is not where it should be and is not to be, or cannot be, fetched."""
    known, root = SETS[name], settings.path or default_root()
    if not (root / known.place).exists():
        if known.fetch is None:
            raise InputError(
                f"{name} is not in {root} (no {known.place}); its owners give it to registered users only: "
                "unpack it and say where with --data"
            )
        if not settings.download:
            raise InputError(
                f"{name} is not in {root} (no {known.place}); fetch it with --data.download, or say where it "
                "is with --data"
            )
        root.mkdir(parents=True, exist_ok=True)
        known.fetch(root)
    try:
        return open_pairs(known.read(root), settings)
    except FileNotFoundError as error:
        raise InputError(f"{name} in {root} is not complete: no {error.filename or error}") from error


DATASETS: Mapping[str, Callable[[DataSettings], Data]] = {name: partial(open_mask_set, name) for name in SETS}

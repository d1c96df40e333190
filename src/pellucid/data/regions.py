"""Label maps that are drawn from COCO's annotations: polygons, and run-length codes of both kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

Polygons = tuple[tuple[float, ...], ...]
Runs = tuple[int, ...]


@dataclass(frozen=True)
class Regions:
    """A label map (height, width) as regions that lie on one another, the last on top, over `ground`.

    Each is a label and polygons (x, y, x, y, … in pixels) or the lengths of runs, off and on in turn, down
    the columns.
    """

    height: int
    width: int
    regions: tuple[tuple[int, Polygons | Runs], ...]
    ground: int = 0

    def draw(self) -> NDArray[np.uint8]:
        canvas = np.full((self.height, self.width), self.ground, np.uint8)
        for label, shape in self.regions:
            canvas[self._inside(shape)] = label
        return canvas

    def _inside(self, shape: Polygons | Runs) -> NDArray[np.bool_]:
        inside = np.zeros((self.height, self.width), bool)
        for part in shape:
            if isinstance(part, int):
                return _from_runs(shape, self.height, self.width)
            inside |= _within(part, self.height, self.width)
        return inside


def _within(polygon: Sequence[float], height: int, width: int) -> NDArray[np.bool_]:
    """The pixels whose centres lie in a polygon, by the even-odd rule, row by row."""
    start = np.array(polygon, np.float64).reshape(-1, 2)
    way = np.roll(start, -1, axis=0) - start
    middles = np.arange(height) + 0.5
    above = start[:, 1] <= middles[:, None]
    row, edge = np.nonzero(above != np.roll(above, -1, axis=1))
    across = start[edge, 0] + (middles[row] - start[edge, 1]) * way[edge, 0] / way[edge, 1]
    flips = np.zeros((height, width + 1), np.int64)
    np.add.at(flips, (row, np.clip(np.ceil(across - 0.5), 0, width).astype(int)), 1)
    inside: NDArray[np.bool_] = flips.cumsum(axis=1)[:, :-1] % 2 == 1
    return inside


def _from_runs(runs: Sequence[Any], height: int, width: int) -> NDArray[np.bool_]:
    if sum(runs) != height * width:
        raise InputError(f"a run-length code covers {sum(runs)} pixels of a {height} × {width} picture")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def decompressed(text: str) -> Runs:
    """COCO's compressed runs: 5 bits a character from "0" on, bit 5 for more to come, bit 4 the sign; from
    the fourth run on, the difference to the run but one before.
    """
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            if place >= len(text):
                raise InputError("a compressed run-length code is cut short")
            bits = ord(text[place]) - 48
            value |= (bits & 0x1F) << shift
            more, shift, place = bool(bits & 0x20), shift + 5, place + 1
            if not more and bits & 0x10:
                value |= -1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return tuple(runs)


@dataclass(frozen=True)
class CocoMasks:
    """`pictures` are (file name, its regions); `classes` begin with the background."""

    classes: tuple[str, ...]
    pictures: tuple[tuple[str, Regions], ...]


def is_coco(path: Path) -> bool:
    """Whether a JSON file looks like COCO's instances."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(1 << 20)
    return '"annotations"' in head or '"images"' in head


def read_coco(path: Path) -> CocoMasks:
    """The semantic label maps of COCO's instances: larger objects below smaller ones, crowds `VOID`.

    Classes are the categories by their numbers, after "background". `InputError` where it is no such file.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        categories = sorted(said["categories"], key=lambda category: int(category["id"]))
        numbers = {category["id"]: number for number, category in enumerate(categories, start=1)}
        by_image: dict[Any, list[Mapping[str, Any]]] = {}
        for annotation in said["annotations"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        pictures = tuple(
            (str(image["file_name"]), _regions(image, by_image.get(image["id"], ()), numbers))
            for image in said["images"]
        )
    except (ValueError, KeyError, TypeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else error
        raise InputError(f"{path}: not COCO's instances with segmentations ({said})") from error
    return CocoMasks(("background", *(str(category["name"]) for category in categories)), pictures)


def _regions(
    image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], numbers: Mapping[Any, int]
) -> Regions:
    strange = [each["category_id"] for each in annotations if each["category_id"] not in numbers]
    if strange:
        raise ValueError(
            f"an object in {image['file_name']} is of category {strange[0]}, which is not listed"
        )
    ordered = sorted(annotations, key=lambda each: (not each.get("iscrowd", 0), -float(each["area"])))
    regions = tuple(
        (VOID if each.get("iscrowd", 0) else numbers[each["category_id"]], _shape(each["segmentation"]))
        for each in ordered
        if each.get("segmentation")
    )
    return Regions(int(image["height"]), int(image["width"]), regions)


def _shape(segmentation: Any) -> Polygons | Runs:
    if isinstance(segmentation, Mapping):
        counts = segmentation["counts"]
        return decompressed(counts) if isinstance(counts, str) else tuple(map(int, counts))
    polygons = tuple(tuple(map(float, polygon)) for polygon in segmentation)
    if any(len(polygon) % 2 for polygon in polygons):
        raise ValueError("a polygon has an odd number of coordinates")
    return polygons

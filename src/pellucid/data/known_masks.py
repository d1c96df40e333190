"""Published sets whose label maps need a table that does not come with them, recognised by their files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.label_maps import Codes, coded

_CAMVID = re.compile(r"(^|/)(0001TP_\d{6}|0006R0_f\d{5}|0016E5_\d{5}|Seq05VD_f\d{5})\.png$")
_ISBI = {f"train/image/{number}.png" for number in range(30)}

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train"),
    "tv monitor",
)
CAMVID_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian"),
    "bicyclist",
)


def known_codes(root: Path, pictures: Sequence[str]) -> Codes | None:
    """What the labels of a known set mean; None for any other.

    CamVid (Brostow et al. 2009) with SegNet's 11 classes and 11 for unlabelled; the neuronal membranes of
    ISBI 2012 (Arganda-Carreras et al. 2015), white inside cells; PASCAL VOC (Everingham et al. 2010).
    """
    if all(map(_CAMVID.search, pictures)):
        return coded({name: number for number, name in enumerate((*CAMVID_CLASSES, "unlabelled"))})
    if set(pictures) == _ISBI:
        return Codes(("membrane", "interior"), {0: 0, 255: 1})
    if (root / "JPEGImages").is_dir() and (root / "SegmentationClass").is_dir():
        return coded({name: number for number, name in enumerate(VOC_CLASSES)})
    return None

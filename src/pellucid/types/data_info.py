"""What a data set is, as everything above the data needs to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VOID = 255  # the label of pixels that are not judged: the "void" of PASCAL VOC


@dataclass(frozen=True)
class Preprocessing:
    """How stored values become what a network expects; it travels with the weights.

    network input = (x · `scale` − `mean`) / `std`, per channel, where x is the stored value: 0…255 for
    pictures (`scale` is then 1/255 for the usual [0, 1] convention). `channels` names the order in which the
    network takes them, and in which `mean` and `std` are: "RGB", "BGR", "L", or "" for tables. Pictures are
    stored as RGB in any case. `size` is (height, width) that pictures are brought to, None where the network
    takes any; of a larger one the centre is taken, `keep` in (0, 1] of each side. `interpolation` is
    "bilinear" or "bicubic", antialiased.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float = 1 / 255
    channels: str = "RGB"
    size: tuple[int, int] | None = None
    keep: float = 1.0
    interpolation: str = "bilinear"


@dataclass(frozen=True)
class LeftOut:
    """One file that could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class DataInfo:
    """`shape` is one input's: (channels, height, width), or (features,). `classes` is empty for regression.

    With `label_maps`, every pixel has a class: targets are (h, w) of class numbers or `VOID`, and pictures
    keep their own sizes (`preprocessing.size` is None), of which `shape` has the first.

    `counts` has the number of samples of each split, `class_counts` of each class of the training split (same
    order as `classes`; of a multi-label set: of samples that have the label; of label maps: of pixels).
    `target_mean` and `target_std` are of the training split's values, in their unit, for regression.
    `fingerprint` is a SHA-256 hex digest of the content that was opened, the same on every machine.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    class_counts: tuple[int, ...]
    preprocessing: Preprocessing
    fingerprint: str
    multilabel: bool = False
    label_maps: bool = False
    left_out: tuple[LeftOut, ...] = field(default=())
    target_mean: float = 0.0
    target_std: float = 1.0

"""A split that fits in memory as one tensor, and what can be said of it: statistics, counts, fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.types.batch import Batch
from pellucid.types.data_info import VOID, DataInfo, LeftOut, Preprocessing

CHUNK_BYTES = (
    1 << 25
)  # how much is widened to integers at a time; bounds the extra memory to eight times this

# For sets that are streamed, since measuring their own would decode everything once, and networks are
# insensitive to the difference; and for sets for tests alone. For grey, the averages of the three.
IMAGENET_STATISTICS = {
    "RGB": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "L": ((0.449,), (0.226,)),
}


@dataclass(frozen=True)
class InMemory:
    """A `Source` whose samples lie in one tensor on one device.

    `inputs` is (n, c, h, w) uint8 for pictures or (n, features) float32 for tables; `targets` has n rows:
    (n,) int64 class numbers, (n, classes) float32 in {0, 1} for multi-label, (n,) float32 for regression, (n,
    h, w) uint8 for label maps, which are torchvision's `Mask` in batches.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs, but {len(self.targets)} targets")

    @property
    def streamed(self) -> bool:
        return False

    def __len__(self) -> int:
        return len(self.inputs)

    def fetch(self, indices: Tensor, keys: Tensor | None = None) -> Batch:
        """The samples at `indices` (b,), on this device. `keys` change nothing: no sample is cropped."""
        indices = indices.to(self.inputs.device, non_blocking=True)
        targets = self.targets.index_select(0, indices)
        if targets.ndim == 3:
            targets = as_masks(targets)
        return Batch(self.inputs.index_select(0, indices), targets, indices)

    def to(self, device: str) -> InMemory:
        return InMemory(self.inputs.to(device), self.targets.to(device))


def as_masks(maps: Tensor) -> Tensor:
    """Label maps (n, h, w) as torchvision's `Mask`: augmentation moves those with their pictures."""
    from torchvision import tv_tensors  # a second to import, and few data have annotations

    masks: Tensor = tv_tensors.Mask(maps)
    return masks


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and population standard deviation of each channel of (n, c, h, w) uint8 pictures, with 255 as 1.

    The sums are integers, so the result is exact up to the last division. A constant channel gets standard
    deviation 1, so that it can be divided by.
    """
    channels = images.shape[1]
    total = torch.zeros(channels, dtype=torch.int64, device=images.device)
    squares = torch.zeros_like(total)
    per_chunk = max(1, CHUNK_BYTES // max(1, images[:1].numel()))
    for start in range(0, len(images), per_chunk):
        wide = images[start : start + per_chunk].to(torch.int32)
        total += wide.sum((0, 2, 3), dtype=torch.int64)
        squares += wide.square_().sum((0, 2, 3), dtype=torch.int64)
    count = images.numel() // channels
    means, deviations = [], []
    for first, second in zip(total.tolist(), squares.tolist(), strict=True):
        # n·Σx² − (Σx)² in Python's unbounded integers: no cancellation.
        deviation = (count * second - first * first) ** 0.5 / count
        means.append(first / count / 255)
        deviations.append(deviation / 255 if deviation > 0 else 1.0)
    return tuple(means), tuple(deviations)


def class_counts(targets: Tensor, classes: int) -> tuple[int, ...]:
    """How many samples each class has: of (n,) int64 class numbers, or of (n, classes) multi-label rows; of
    label maps (n, h, w), how many pixels.
    """
    if targets.ndim == 3:
        counts = torch.stack([_pixel_counts(part, classes) for part in torch.split(targets, 64)])
        return tuple(counts.sum(0).tolist())
    counts = torch.bincount(targets, minlength=classes) if targets.ndim == 1 else (targets > 0).sum(0)
    return tuple(counts.tolist())


def _pixel_counts(maps: Tensor, classes: int) -> Tensor:
    return torch.bincount(maps[maps != VOID].long(), minlength=classes)


def fingerprint(*tensors: Tensor) -> str:
    """SHA-256 hex digest of the tensors' types, shapes and little-endian bytes, in order."""
    digest = hashlib.sha256()
    for tensor in tensors:
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype.name}{array.shape}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def image_info(
    name: str,
    classes: Sequence[str],
    splits: Mapping[str, InMemory],
    *,
    left_out: Sequence[LeftOut] = (),
    interpolation: str = "bilinear",
) -> DataInfo:
    """What splits of pictures hold; statistics and class counts are of `splits["train"]` alone, or ImageNet's
    where the set is for tests alone. `interpolation` is what brought the pictures to size.
    """
    some = next(iter(splits.values()))
    channels, height, width = some.inputs.shape[1:]
    order = "L" if channels == 1 else "RGB"
    train = splits.get("train")
    mean, std = channel_statistics(train.inputs) if train else IMAGENET_STATISTICS[order]
    return DataInfo(
        name=name,
        shape=(channels, height, width),
        classes=tuple(classes),
        counts={split: len(source) for split, source in splits.items()},
        class_counts=class_counts(train.targets, len(classes)) if train else (0,) * len(classes),
        preprocessing=Preprocessing(
            mean,
            std,
            channels=order,
            size=None if some.targets.ndim == 3 else (height, width),
            interpolation=interpolation,
        ),
        fingerprint=fingerprint(*(t for source in splits.values() for t in (source.inputs, source.targets))),
        multilabel=some.targets.ndim == 2,
        label_maps=some.targets.ndim == 3,
        left_out=tuple(left_out),
    )

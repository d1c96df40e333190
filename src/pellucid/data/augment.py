"""What is done to training samples so that no epoch looks like another.

Three stages, each a function of a batch and its keys alone: `augment_pixels` on stored uint8 pictures,
`augment_values` on what the network will see, `mix` across samples. Every transformation draws from a stream
of its own, so switching one on leaves the others' draws as they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data import policies, warps
from pellucid.data.policies import Policy
from pellucid.data.warps import Warp
from pellucid.ops import image
from pellucid.ops.random import keys as keys_of
from pellucid.ops.random import uniform
from pellucid.types.batch import Batch, map_leaves
from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError, unknown_name

_CROP, _FLIP, _COLOUR, _CUTOUT, _POLICY = range(1, 6)  # the streams; a saved run depends on these numbers


@dataclass(frozen=True)
class Augmentation:
    """What is varied in the training pictures. Each is off by default."""

    flip: bool = False
    """Mirror left to right, half the time. Not for digits, text or what else a mirror turns wrong."""
    crop: int = 0
    """Pad each side with so many black pixels, cut a random window of the old size; 4 is usual for CIFAR."""
    colour: float = 0.0
    """Brightness, contrast and saturation each get a random factor in [1 - colour, 1 + colour]; at most 1."""
    window: int = 0
    """Side of a random square part of each picture that is trained on, instead of all of it; 0: all."""
    balance: float = 0.0
    """How often, from 0 to 1, the window is laid around a pixel of a class drawn from those in the label map,
    so that rare classes are seen as often as others.
    """
    scale: float = 0.0
    """Zoom by a random factor from 1/(1 + scale) to 1 + scale."""
    rotate: float = 0.0
    """Turn by a random angle of up to so many degrees to either side; what is outside is mirrored."""
    elastic: float = 0.0
    """Standard deviation in pixels of random displacements on a grid of 3 × 3, which bend the picture
    smoothly (Ronneberger et al. 2015: 10 for cells of 512 × 512).
    """
    cutout: int = 0
    """Side in pixels of a square of mean colour at a random place (DeVries & Taylor 2017; CIFAR-10: 16)."""
    policy: Policy = "none"
    """A published policy. Its rotations, shears and inversions can change what a digit or a letter means.

    TrivialAugment moves pictures by up to 32 pixels whatever their size: small ones are pushed out of view.
    """
    mixup: float = 0.0
    """Blend pairs of pictures and of labels, weighed by Beta(alpha, alpha) (Zhang et al. 2018: 0.2 to 1)."""
    cutmix: float = 0.0
    """Paste part of another picture, its area from Beta(alpha, alpha); labels by area (Yun et al. 2019: 1).

    Where mixup is on as well, each batch gets one of the two, evenly.
    """

    def __post_init__(self) -> None:
        for name in ("crop", "cutout", "colour", "mixup", "cutmix", "window", "scale", "rotate", "elastic"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"augment.{name} must be 0 or more, got {value}")
        if self.colour > 1:
            raise InputError(f"augment.colour must be at most 1, got {self.colour}")
        if not 0 <= self.balance <= 1:
            raise InputError(f"augment.balance must be from 0 to 1, got {self.balance}")
        if self.balance and not self.window:
            raise InputError("augment.balance says where augment.window is laid; set that too")
        if self.policy not in get_args(Policy):
            raise unknown_name("augmentation policy", self.policy, get_args(Policy))

    @property
    def changes_pixels(self) -> bool:
        moved = self.flip or self.crop > 0 or self.warp.on
        return moved or self.colour > 0 or self.policy != "none"

    @property
    def warp(self) -> Warp:
        return Warp(self.window, self.balance, self.scale, self.rotate, self.elastic)

    @property
    def mixes(self) -> bool:
        """Whether targets become (b, classes) shares."""
        return self.mixup > 0 or self.cutmix > 0


def augment_pixels(batch: Batch, augmentation: Augmentation, keys: Tensor) -> Batch:
    """Window, scale, rotation, elastic deformation; crop, flip, policy, colour, in this order, of (b, c, h,
    w) uint8 `inputs` by their `keys` (b,).

    `tv_tensors.Mask`s among the targets, (b, …, h, w) in columns or (…, h, w) in a list of records, move with
    their pictures. What comes in from outside by a crop is `VOID`, or False in boolean masks.
    """
    if not augmentation.changes_pixels:
        return batch
    images, targets = batch.inputs, batch.targets
    _check_pictures(batch, augmentation)
    own = keys.to(images.device, non_blocking=True)
    if augmentation.warp.on:
        label_map = targets if isinstance(targets, Tensor) and targets.ndim == 3 else None
        sampling = warps.draw(augmentation.warp, own, (images.shape[-2], images.shape[-1]), label_map)
        images, targets = sampling.pictures(images), _move_masks(targets, sampling)
    if augmentation.crop or augmentation.flip:
        window = _Window.draw(augmentation, own)
        images, targets = window.pictures(images), _move_masks(targets, window)
    if augmentation.policy != "none":
        steps = policies.draw(augmentation.policy, keys_of(keys, _POLICY), *images.shape[-2:])
        images = policies.apply(images, steps)
    if augmentation.colour:
        factors = 1 + augmentation.colour * (2 * uniform(keys_of(own, _COLOUR), 3) - 1)
        images = image.jitter(images, *factors.unbind(1))
    return Batch(images, targets, batch.indices)


def augment_values(batch: Batch, augmentation: Augmentation, keys: Tensor) -> Batch:
    """Cutout of normalised (b, c, h, w) float `inputs`: 0, the mean colour, in a square that may stick out.

    Raises `InputError` for tables and for a square that would fill the picture.
    """
    side, inputs = augmentation.cutout, batch.inputs
    if not side:
        return batch
    if inputs.ndim != 4 or side >= min(inputs.shape[-2:]):
        raise InputError(
            f"augment.cutout = {side} does not fit inputs of shape {tuple(inputs.shape[1:])}; lower it"
        )
    place = uniform(keys_of(keys.to(inputs.device, non_blocking=True), _CUTOUT), 2)
    rows, columns = (_span(place[:, axis], extent, side) for axis, extent in enumerate(inputs.shape[-2:]))
    kept = ~(rows[:, None, :, None] & columns[:, None, None, :])
    return Batch(inputs * kept.to(inputs.dtype), batch.targets, batch.indices)


def _span(place: Tensor, extent: int, side: int) -> Tensor:
    """(b, extent) bool: the `side` positions around the centre that `place` (b,) in [0, 1) says."""
    first = (place[:, None] * extent).long() - side // 2
    at = torch.arange(extent, device=place.device)
    return (at >= first) & (at < first + side)


def mix(batch: Batch, augmentation: Augmentation, seed: int, classes: int) -> Batch:
    """Mixup or CutMix of each sample with a partner from the same batch, both drawn from `seed`.

    Targets, (b,) int64 class numbers or (b, classes) float32 shares, become (b, classes) float32 shares.
    """
    if not augmentation.mixes:
        return batch
    random = np.random.Generator(np.random.Philox(seed))
    both = augmentation.mixup > 0 and augmentation.cutmix > 0
    pastes = random.random() < 0.5 if both else augmentation.cutmix > 0
    alpha = augmentation.cutmix if pastes else augmentation.mixup
    share = float(random.beta(alpha, alpha))  # of the partner
    partner = torch.from_numpy(random.permutation(len(batch))).to(batch.inputs.device, non_blocking=True)
    soft = _shares(batch.targets, classes)
    if pastes:
        inputs, share = _paste(batch.inputs, partner, share, random)
    else:
        inputs = torch.lerp(batch.inputs, batch.inputs.index_select(0, partner), share)
    return Batch(inputs, torch.lerp(soft, soft.index_select(0, partner), share), batch.indices)


def _paste(
    inputs: Tensor, partner: Tensor, share: float, random: np.random.Generator
) -> tuple[Tensor, float]:
    """A rectangle of about `share` of the area from the partners' pictures, and its exact share."""
    if inputs.ndim != 4:
        raise InputError(f"augment.cutmix is for pictures; these inputs have shape {tuple(inputs.shape[1:])}")
    spans = []
    for extent in inputs.shape[-2:]:
        side, centre = int(extent * share**0.5), int(random.integers(extent))
        spans.append(slice(max(0, centre - side // 2), min(extent, centre - side // 2 + side)))
    rows, columns = spans
    pasted = inputs.clone()
    pasted[..., rows, columns] = inputs[..., rows, columns].index_select(0, partner)
    return pasted, pasted[0, 0, rows, columns].numel() / pasted[0, 0].numel()


def _shares(targets: Any, classes: int) -> Tensor:
    if isinstance(targets, Tensor) and targets.dtype == torch.int64 and targets.ndim == 1:
        return F.one_hot(targets, classes).float()
    if isinstance(targets, Tensor) and targets.is_floating_point() and targets.shape[1:] == (classes,):
        return targets
    raise InputError(
        "augment.mixup and augment.cutmix blend class labels, and these data have none; set them to 0"
    )


def _check_pictures(batch: Batch, augmentation: Augmentation) -> None:
    images = batch.inputs
    if images.ndim != 4 or images.dtype != torch.uint8:
        raise InputError(
            "augment.flip, crop, colour and policy need pictures, (batch, channels, height, width) in uint8; "
            f"got {tuple(images.shape)} in {str(images.dtype).removeprefix('torch.')}; leave them off"
        )
    if augmentation.crop >= min(*images.shape[-2:], augmentation.window or images.shape[-1]):
        raise InputError(
            f"augment.crop = {augmentation.crop} does not fit {images.shape[-2]}×{images.shape[-1]} pictures"
        )
    if (augmentation.colour or augmentation.policy != "none") and images.shape[1] not in (1, 3):
        raise InputError(
            f"augment.colour and policy need grey or RGB pictures; these have {images.shape[1]} channels"
        )
    if augmentation.policy != "none":
        map_leaves(_refuse_annotation, batch.targets)


class _Move(Protocol):
    """What is done to pictures, and to masks with them."""

    def of(self, sample: int) -> _Move: ...

    def masks(self, masks: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class _Window:
    """Which part of its padded self each picture becomes; see `ops.image.shift_and_flip`."""

    top: Tensor
    left: Tensor
    mirrored: Tensor
    padding: int

    @classmethod
    def draw(cls, augmentation: Augmentation, keys: Tensor) -> _Window:
        places = uniform(keys_of(keys, _CROP), 2) * (2 * augmentation.crop + 1)
        mirrored = (uniform(keys_of(keys, _FLIP), 1)[:, 0] < 0.5) & augmentation.flip
        return cls(places[:, 0].long(), places[:, 1].long(), mirrored, augmentation.crop)

    def of(self, sample: int) -> _Window:
        own = slice(sample, sample + 1)
        return _Window(self.top[own], self.left[own], self.mirrored[own], self.padding)

    def pictures(self, images: Tensor) -> Tensor:
        return self._cut(images, fill=0)

    def masks(self, masks: Tensor) -> Tensor:
        return self._cut(masks, fill=0 if masks.dtype == torch.bool else VOID)

    def _cut(self, images: Tensor, fill: int) -> Tensor:
        return image.shift_and_flip(
            images, self.top, self.left, self.mirrored, padding=self.padding, fill=fill
        )


def _move_masks(targets: Any, move: _Move) -> Any:
    """The same of all masks among the targets."""
    if isinstance(targets, dict):
        return {name: _move_masks(column, move) for name, column in targets.items()}
    if isinstance(targets, tuple):
        return tuple(_move_masks(column, move) for column in targets)
    if isinstance(targets, list):
        return [
            map_leaves(partial(_moved, move.of(sample), alone=True), record)
            for sample, record in enumerate(targets)
        ]
    return _moved(move, targets)


def _moved(move: _Move, leaf: Any, *, alone: bool = False) -> Any:
    """Masks (b, …, h, w), or `alone` (…, h, w), moved; what is no annotation of pixels stays."""
    if type(leaf) is Tensor or not isinstance(leaf, Tensor):
        return leaf
    from torchvision import tv_tensors  # a second to import, and few data have annotations

    if not isinstance(leaf, tv_tensors.Mask):
        raise InputError(
            f"augmentation that moves pixels cannot move {type(leaf).__name__}; leave flip, crop, window, "
            "scale, rotate and elastic off"
        )
    masks = leaf.as_subclass(Tensor)
    moved = move.masks(masks[None] if alone else masks)
    return tv_tensors.wrap(moved[0] if alone else moved, like=leaf)


def _refuse_annotation(leaf: Any) -> None:
    if isinstance(leaf, Tensor) and type(leaf) is not Tensor:
        raise InputError(f"augment.policy moves pictures without their {type(leaf).__name__}; set it to none")

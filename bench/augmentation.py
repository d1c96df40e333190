"""Augmentation: ours, a batch at a time, and torchvision's v2, picture by picture as a loader calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import get_args

import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from bench.measure import Options, Turn, Work, timed
from pellucid.data.augment import Augmentation, augment_pixels
from pellucid.data.loading import normalise
from pellucid.data.policies import Policy
from pellucid.ops.random import keys
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RIVALS: dict[Policy, v2.Transform] = {
    "randaugment": v2.RandAugment(),
    "trivialaugment": v2.TrivialAugmentWide(),
    "autoaugment-cifar10": v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
    "autoaugment-imagenet": v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET),
    "autoaugment-svhn": v2.AutoAugment(v2.AutoAugmentPolicy.SVHN),
}


def works(options: Options) -> Iterator[Work]:
    torch.manual_seed(0)
    large, small = photographs(64, 224), photographs(512, 32)
    yield Work("crop, flip, normalise, 32²", "pictures", len(small), crop_flip(small), options.rounds)
    for policy in get_args(Policy)[1:]:
        for images in (small, large):
            turns = policies(policy, images, pillow=images is large)
            title = f"{policy}, {images.shape[-1]}²"
            yield Work(title, "pictures", len(images), turns, options.rounds)


def photographs(number: int, size: int) -> Tensor:
    """(number, 3, size, size) uint8: pieces of scikit-learn's two photographs."""
    whole = [torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in load_sample_images().images]
    place = torch.Generator().manual_seed(0)
    pieces = []
    for piece in range(number):
        height, width = whole[piece % 2].shape[1:]
        top = int(torch.randint(height - size + 1, (), generator=place))
        left = int(torch.randint(width - size + 1, (), generator=place))
        pieces.append(whole[piece % 2][:, top : top + size, left : left + size])
    return torch.stack(pieces)


def augmented(images: Tensor, augmentation: Augmentation) -> Callable[[], Batch]:
    """What an epoch does to the pictures, each call another epoch."""
    epochs, indices = count(), torch.arange(len(images))

    def turn() -> Batch:
        return augment_pixels(Batch(images, indices, indices), augmentation, keys(0, next(epochs), indices))

    return turn


def policies(policy: Policy, images: Tensor, *, pillow: bool) -> dict[str, Turn]:
    theirs = RIVALS[policy]
    turns = {
        "torchvision v2 on tensors": timed(lambda: [theirs(picture) for picture in images]),
        "Pellucid": timed(augmented(images, Augmentation(policy=policy))),
    }
    if pillow:
        opened = [TF.to_pil_image(picture) for picture in images]
        turns["torchvision v2 on PIL"] = timed(lambda: [theirs(picture) for picture in opened])
    return turns


def crop_flip(images: Tensor) -> dict[str, Turn]:
    """The usual path of CIFAR: crop, flip, normalise."""
    theirs = v2.Compose(
        [
            v2.RandomCrop(images.shape[-1], padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    ours, preprocessing = augmented(images, Augmentation(crop=4, flip=True)), Preprocessing(MEAN, STD)
    return {
        "torchvision v2 on tensors": timed(lambda: torch.stack([theirs(picture) for picture in images])),
        "Pellucid": timed(lambda: normalise(ours(), preprocessing)),
    }

"""Augmented pictures per CPU-second on one thread: ours in batches, torchvision's v2 one by one.

python bench/augmentation.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from pellucid.data.augment import Augmentation, augment_pixels
from pellucid.data.loading import normalise
from pellucid.data.policies import Policy
from pellucid.ops.random import keys
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing

ROUNDS = 7
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RIVALS: dict[Policy, v2.Transform] = {
    "randaugment": v2.RandAugment(),
    "trivialaugment": v2.TrivialAugmentWide(),
    "autoaugment-cifar10": v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
    "autoaugment-imagenet": v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET),
    "autoaugment-svhn": v2.AutoAugment(v2.AutoAugmentPolicy.SVHN),
}
Runs = dict[str, Callable[[int], Any]]


def photographs(count: int, size: int) -> Tensor:
    """(count, 3, size, size) uint8: pieces of scikit-learn's two photographs."""
    whole = [torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture in load_sample_images().images]
    place = torch.Generator().manual_seed(0)
    pieces = []
    for number in range(count):
        height, width = whole[number % 2].shape[1:]
        top = int(torch.randint(height - size + 1, (), generator=place))
        left = int(torch.randint(width - size + 1, (), generator=place))
        pieces.append(whole[number % 2][:, top : top + size, left : left + size])
    return torch.stack(pieces)


def augmented(images: Tensor, augmentation: Augmentation, epoch: int) -> Batch:
    indices = torch.arange(len(images))
    return augment_pixels(Batch(images, indices, indices), augmentation, keys(0, epoch, indices))


def policy_runs(policy: Policy, images: Tensor, *, pillow: bool) -> Runs:
    ours, theirs = Augmentation(policy=policy), RIVALS[policy]
    runs: Runs = {
        "ours": lambda epoch: augmented(images, ours, epoch),
        "v2 tensors": lambda _: [theirs(picture) for picture in images],
    }
    if pillow:
        opened = [TF.to_pil_image(picture) for picture in images]
        runs["v2 PIL"] = lambda _: [theirs(picture) for picture in opened]
    return runs


def crop_flip_runs(images: Tensor) -> Runs:
    """The usual path of CIFAR: crop, flip, normalise."""
    size = images.shape[-1]
    theirs = v2.Compose(
        [
            v2.RandomCrop(size, padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    ours, preprocessing = Augmentation(crop=4, flip=True), Preprocessing(MEAN, STD)
    return {
        "ours": lambda epoch: normalise(augmented(images, ours, epoch), preprocessing),
        "v2 tensors": lambda _: torch.stack([theirs(picture) for picture in images]),
    }


def measure(runs: Runs, count: int) -> dict[str, float]:
    """Median pictures per second of this thread's processor time; the runs take turns."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(-1, ROUNDS):  # the first round warms up
        for name, run in runs.items():
            begin = time.thread_time()
            run(number + 1)
            if number >= 0:
                rates[name].append(count / (time.thread_time() - begin))
    return {name: statistics.median(rate) for name, rate in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    out = parser.parse_args().json
    torch.set_num_threads(1)
    torch.manual_seed(0)
    large, small = photographs(64, 224), photographs(128, 32)
    work = {"crop, flip, normalise 32²": (crop_flip_runs(small), len(small))}
    for policy in get_args(Policy)[1:]:
        work[f"{policy} 32²"] = (policy_runs(policy, small, pillow=False), len(small))
        work[f"{policy} 224²"] = (policy_runs(policy, large, pillow=True), len(large))
    table = {}
    print(f"{'pictures per CPU-second':<28}{'ours':>10}{'v2 tensors':>18}{'v2 PIL':>18}")
    for name, (runs, count) in work.items():
        table[name] = rates = measure(runs, count)
        others = (
            f"{rates[rival]:>10,.0f} ({rates['ours'] / rates[rival]:.2f}×)" for rival in list(rates)[1:]
        )
        print(f"{name:<28}{rates['ours']:>10,.0f}" + "".join(f"{text:>18}" for text in others), flush=True)
    if out:
        out.write_text(json.dumps(table))


if __name__ == "__main__":
    main()

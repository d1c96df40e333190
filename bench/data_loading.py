"""JPEG files → random-resized crop of 224² → flip → normalise, on one thread.

Ours and torchvision's filter when they shrink (antialiasing); albumentations does not, which is less work and
gives moiré.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

from bench.measure import Options, Work, timed
from pellucid.data.augment import Augmentation
from pellucid.data.decode import EXTENSIONS
from pellucid.data.files import Files
from pellucid.data.loading import Pipeline, Request
from pellucid.types.data_info import Preprocessing

SIZE, BATCH, PICTURES = 224, 32, 96
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Turn = Callable[[], object]


def works(options: Options) -> Iterator[Work]:
    """Pictures of the size of ImageNet's, of a telephone's, and those of `options.data` if given."""
    with tempfile.TemporaryDirectory() as folder:
        for height, width in ((375, 500), (1512, 2016)):
            paths = photographs(Path(folder) / str(height), height, width)
            yield work(f"JPEG of {width} × {height} → crop {SIZE}² → flip → normalise", paths, options)
        if options.data is not None:
            paths = sorted(path for path in options.data.rglob("*") if path.suffix.lower() in EXTENSIONS)
            yield work(f"pictures of {options.data.name} → crop {SIZE}² → flip → normalise", paths, options)


def work(title: str, paths: Sequence[Path], options: Options) -> Work:
    turns: dict[str, Turn] = {}
    skipped = {}
    try:
        turns["albumentations"] = albumentations(paths)
    except ImportError as error:
        skipped["albumentations"] = str(error)
    turns |= {
        "Pellucid": ours(paths),
        "torchvision v2 on tensors": on_tensors(paths),
        "torchvision v2 on PIL": on_pil(paths),
    }
    return Work(
        title,
        "pictures",
        len(paths),
        {name: timed(turn) for name, turn in turns.items()},
        options.rounds,
        skipped,
    )


def photographs(folder: Path, height: int, width: int) -> list[Path]:
    """Pieces of scikit-learn's two photographs as JPEG files of quality 92."""
    folder.mkdir()
    place = np.random.default_rng(0)
    paths = []
    for number in range(PICTURES if height < 1000 else PICTURES // 4):
        whole = Image.fromarray(load_sample_images().images[number % 2])
        side = place.uniform(0.6, 1.0)
        rows, columns = int(whole.height * side), int(whole.width * side)
        left, top = (
            int(place.integers(whole.width - columns + 1)),
            int(place.integers(whole.height - rows + 1)),
        )
        paths.append(folder / f"{number:03d}.jpg")
        box = (left, top, left + columns, top + rows)
        whole.resize((width, height), Image.Resampling.BICUBIC, box=box).save(paths[-1], quality=92)
    return paths


def ours(paths: Sequence[Path]) -> Turn:
    preprocessing = Preprocessing(MEAN, STD, size=(SIZE, SIZE), keep=0.875)
    source = Files(Path("/"), tuple(map(str, paths)), torch.zeros(len(paths)), preprocessing, 0.08)
    pipeline = Pipeline(preprocessing, Augmentation(flip=True))

    def turn() -> None:
        for indices in torch.split(torch.arange(len(paths)), BATCH):
            request: Request = (0, indices)
            pipeline.finish(pipeline.prepare(source, request), request, 0)

    return turn


def albumentations(paths: Sequence[Path]) -> Turn:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network for news otherwise
    import albumentations as rival
    import cv2

    cv2.setNumThreads(1)
    transform = rival.Compose(
        [
            rival.RandomResizedCrop((SIZE, SIZE)),
            rival.HorizontalFlip(),
            rival.Normalize(MEAN, STD),
            rival.ToTensorV2(),
        ]
    )
    return partial(
        batched, paths, lambda path: transform(image=cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))["image"]
    )


def on_tensors(paths: Sequence[Path]) -> Turn:
    transform = v2.Compose(_v2())
    return partial(
        batched, paths, lambda path: transform(decode_jpeg(read_file(str(path)), mode=ImageReadMode.RGB))
    )


def on_pil(paths: Sequence[Path]) -> Turn:
    crop, flip, *rest = _v2()
    transform = v2.Compose([crop, flip, v2.ToImage(), *rest])
    return partial(batched, paths, lambda path: transform(Image.open(path).convert("RGB")))


def _v2() -> list[Any]:
    return [
        v2.RandomResizedCrop(SIZE, antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]


def batched(paths: Sequence[Path], load: Callable[[Path], torch.Tensor]) -> None:
    for start in range(0, len(paths), BATCH):
        torch.stack([load(path) for path in paths[start : start + BATCH]])

"""What pictures cost and lose: JPEG, WebP, principal components and an autoencoder on one curve.

All see the same crops of the pictures in a folder. JPEG and WebP are Pillow's, at several qualities, a whole
crop at a time; their bits are those of the files they would make, headers included. PCA and the autoencoder
code patches of the pictures, each number rounded to so many levels between the least and greatest it takes in
training; their bits are the entropy of these levels, what an ideal coder would need, since neither comes with
one. What a decoder has to know beside (components, weights, ranges) is not counted, as the tables of JPEG are
not: `parameters` says how much that is.

PCA and the autoencoder are fitted to the pictures of one half and judged, like the others, on the other half.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pellucid.data.decode import decode
from pellucid.data.folder import is_picture
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, image_info
from pellucid.inspection.cost import parameter_count
from pellucid.metrics.pictures import psnr, ssim
from pellucid.recipes.coder import Effort, trained
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError
from pellucid.views.autoencoding import rows as picture_rows
from pellucid.views.codes import rate_distortion
from pellucid.views.contents import Table
from pellucid.views.page import Section
from pellucid.views.pictures import rgb_pixels

FORMATS = {"JPEG": "JPEG", "WebP": "WEBP"}
SHOWN = 5


@dataclass(frozen=True)
class Compressed:
    """Means over the pictures of one way at one setting, `quality` or length of code; `parameters` are what a
    decoder has to know. `pictures` (n, c, h, w) uint8 are what came back.
    """

    way: str
    setting: str
    bits: float  # a pixel
    psnr: float
    ssim: float
    parameters: int
    pictures: Tensor = field(repr=False)


@dataclass(frozen=True)
class CompressionStudy(Study):
    pictures: Path | None = None
    """A folder of pictures; without one, generated shapes."""
    crop: int = 128
    """Side in pixels of the part, the centre, of each picture that is compressed; a multiple of `patch`."""
    patch: int = 16
    """Side of the patches that PCA and the autoencoder code."""
    qualities: tuple[int, ...] = (5, 10, 20, 40, 60, 80, 95)
    """Of JPEG and WebP, 1 to 100."""
    codes: tuple[int, ...] = (4, 8, 16, 32, 64, 128)
    """Numbers for a patch, of PCA and the autoencoder."""
    levels: int = 64
    """To how many levels each number is rounded."""
    epochs: int = 30
    """Of the autoencoder's training; 0 leaves it out."""
    seed: int = 0
    """Of its weights, and of the shapes."""
    threads: int = 0
    """Processor threads; 0: all."""

    def run(self) -> Findings:
        self._check()
        crops, left_out = self._crops()
        fitted, judged = crops[1::2], crops[::2]  # of an odd number the larger part is judged
        found = [_filed(judged, way, quality) for way in FORMATS for quality in self.qualities]
        train = patches(fitted, self.patch, step=self.patch // 2)
        test = patches(judged, self.patch, step=self.patch)
        if max(self.codes) > min(len(train), train[0].numel()):
            raise InputError(
                f"{len(train)} patches of {train[0].numel()} numbers have fewer components than "
                f"{max(self.codes)}"
            )
        for code in self.codes:
            found.append(self._coded(judged, _principal(train, test, code, self.levels), "PCA", code))
        for code in self.codes if self.epochs else ():
            made = _autoencoded(
                train, test, code, self.levels, Effort(self.epochs, 64, 2e-3, self.seed, self.threads)
            )
            found.append(self._coded(judged, made, "autoencoder", code))
        return _told(self, judged, found, left_out)

    def _check(self) -> None:
        if self.patch < 4 or self.crop < self.patch or self.crop % self.patch or self.crop < 11:
            raise InputError(
                f"--crop has to be a multiple of --patch, which is 4 or more; got {self.crop} and "
                f"{self.patch}"
            )
        if not self.qualities or not all(1 <= quality <= 100 for quality in self.qualities):
            raise InputError(f"--qualities go from 1 to 100; got {list(self.qualities)}")
        if not self.codes or min(self.codes) < 1 or not 2 <= self.levels <= 65536 or self.epochs < 0:
            raise InputError(
                f"expected codes from 1 on, levels from 2 to 65,536 and epochs from 0 on; got "
                f"{list(self.codes)}, {self.levels} and {self.epochs}"
            )

    def _crops(self) -> tuple[Tensor, list[str]]:
        """(n, 3, crop, crop) uint8 centres, and the names of pictures that are too small."""
        if self.pictures is None:
            from pellucid.data.shapes import Shapes

            return Shapes(self.seed, 0, 24, self.crop).in_memory().inputs, []
        if not self.pictures.is_dir():
            raise InputError(f"no such folder: {self.pictures}")
        crops, left_out = [], []
        for path in sorted(each for each in self.pictures.rglob("*") if is_picture(each.name)):
            picture = decode(path)
            top, left = ((side - self.crop) // 2 for side in picture.shape[-2:])
            if min(top, left) < 0:
                left_out.append(path.name)
            else:
                crops.append(picture[:, top : top + self.crop, left : left + self.crop])
        if len(crops) < 2:
            raise InputError(
                f"{self.pictures} has {len(crops)} pictures of {self.crop} × {self.crop} pixels or more; at "
                "least 2 are needed, one to fit and one to judge; lower --crop?"
            )
        return torch.stack(crops), left_out

    def _coded(self, wanted: Tensor, coded: Coded, way: str, code: int) -> Compressed:
        made = whole(coded.patches, wanted.shape, self.patch)
        bits = coded.bits / (self.patch * self.patch)
        return _judged(wanted, made, way, f"{code} numbers", bits, coded.parameters)


@dataclass(frozen=True)
class Coded:
    """`patches` (n, c, p, p) uint8 as they came back, and the `bits` of one patch."""

    patches: Tensor
    bits: float
    parameters: int


def _filed(pictures: Tensor, way: str, quality: int) -> Compressed:
    """Pictures through Pillow's JPEG or WebP."""
    back, size = [], 0
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, FORMATS[way], quality=quality)
        size += file.tell()
        back.append(decode(file.getvalue()))
    bits = 8 * size / pictures[:, 0].numel()
    return _judged(pictures, torch.stack(back), way, f"quality {quality}", bits, 0)


def _principal(train: Tensor, test: Tensor, code: int, levels: int) -> Coded:
    from sklearn.decomposition import PCA

    flat, shape = [each.flatten(1).double().numpy() for each in (train, test)], test.shape
    fitted = PCA(code, svd_solver="covariance_eigh").fit(flat[0])
    known, codes = (torch.from_numpy(fitted.transform(each)) for each in flat)
    rounded, bits = quantised(codes, known, levels)
    back = torch.from_numpy(fitted.inverse_transform(rounded.numpy())).view(shape)
    return Coded(_stored(back), bits, fitted.components_.size + fitted.mean_.size)


def _autoencoded(train: Tensor, test: Tensor, code: int, levels: int, effort: Effort) -> Coded:
    splits = {
        name: InMemory((255 * each).round().byte(), torch.zeros(len(each), dtype=torch.int64))
        for name, each in (("train", train), ("test", test))
    }
    data = Data(image_info("patches", ("patch",), splits), splits)
    coder = trained("autoencoder", code, data, effort)
    known, codes = (coder.encode(splits[name]).codes.double() for name in ("train", "test"))
    rounded, bits = quantised(codes, known, levels)
    back = torch.from_numpy(coder.decode(rounded.float())).permute(0, 3, 1, 2)
    return Coded(back, bits, parameter_count(coder.model))


def quantised(codes: Tensor, known: Tensor, levels: int) -> tuple[Tensor, float]:
    """`codes` (n, k) rounded to `levels` between the least and greatest of `known` (m, k), number by number,
    and the bits of one code: the sum of the numbers' entropies, each as if coded by itself.
    """
    low, high = known.min(0).values, known.max(0).values
    step = ((high - low) / (levels - 1)).clamp_min(1e-12)
    places = ((codes - low) / step).round().clamp(0, levels - 1)
    bits = 0.0
    for column in places.T:
        shares = torch.unique(column, return_counts=True)[1].double() / len(column)
        bits -= float((shares * shares.log2()).sum())
    return low + places * step, bits


def patches(pictures: Tensor, side: int, *, step: int) -> Tensor:
    """(n, c, h, w) uint8 as (n · rows · columns, c, side, side) float32 in [0, 1], row by row, one every
    `step` pixels.
    """
    parts = pictures.unfold(2, side, step).unfold(3, side, step).permute(0, 2, 3, 1, 4, 5)
    return parts.reshape(-1, pictures.shape[1], side, side).float() / 255


def whole(parts: Tensor, shape: Sequence[int], side: int) -> Tensor:
    """`patches` that do not overlap undone: (n, c, h, w) of `shape`."""
    count, channels, height, width = shape
    grid = parts.reshape(count, height // side, width // side, channels, side, side)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(count, channels, height, width)


def _stored(values: Tensor) -> Tensor:
    return (255 * values).round().clamp(0, 255).byte()


def _judged(wanted: Tensor, made: Tensor, way: str, setting: str, bits: float, parameters: int) -> Compressed:
    pair = made.float() / 255, wanted.float() / 255
    return Compressed(
        way, setting, bits, float(psnr(*pair).mean()), float(ssim(*pair).mean()), parameters, made
    )


def _told(
    study: CompressionStudy, wanted: Tensor, found: Sequence[Compressed], left_out: Sequence[str]
) -> Findings:
    ways = dict.fromkeys(each.way for each in found)
    curves = {way: [(e.bits, e.psnr, e.ssim) for e in found if e.way == way] for way in ways}
    rows = tuple(
        (e.way, e.setting, f"{e.bits:.3f}", f"{e.psnr:.2f}", f"{e.ssim:.3f}", e.parameters or None)
        for e in found
    )
    near = 0.5
    closest = [
        min((e for e in found if e.way == way), key=lambda e: abs(np.log(e.bits / near))) for way in ways
    ]
    shown = [[rgb_pixels(p.numpy()) for p in wanted[:SHOWN]]]
    shown += [[rgb_pixels(p.numpy()) for p in each.pictures[:SHOWN]] for each in closest]
    names = ["picture", *(f"{each.way}, {each.bits:.2f} bits" for each in closest)]
    small = f" {len(left_out)} smaller ones were left out." if left_out else ""
    where = str(study.pictures.name) if study.pictures else "generated shapes"
    numbers: dict[str, Any] = {
        "study": {**asdict(study), "pictures": str(study.pictures or "")},
        "left out": list(left_out),
        "found": [{k: v for k, v in asdict(each).items() if k != "pictures"} for each in found],
    }
    return Findings(
        "What pictures cost and lose",
        f"{len(wanted)} centres of {study.crop} × {study.crop} pixels of {where}; PCA and the autoencoder "
        f"were fitted to others.{small}",
        Table(
            ("way", "setting", "bits a pixel", "PSNR, dB", "SSIM", "parameters of the decoder"),
            rows,
            "Bits of JPEG and WebP are files; those of PCA and the autoencoder the entropy of their rounded "
            "numbers, without what the decoder has to know.",
        ),
        rate_distortion(curves),
        numbers,
        heading="Rate and distortion",
        more=(
            Section(
                "To look at", (picture_rows(shown, names),), f"Each way nearest to {near:g} bits a pixel."
            ),
        ),
    )


STUDIES: dict[str, type[Study]] = {"compression": CompressionStudy}

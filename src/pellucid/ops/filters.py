"""The filters of image processing as kernels, and what a convolution costs and gives.

Kernels are applied as networks do it, by cross-correlation: they are not turned round. (Gonzalez & Woods,
"Digital image processing", ch. 3; Sobel & Feldman, "A 3×3 isotropic gradient operator", 1968.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.types.errors import InputError, unknown_name

MOST_SIDE = 31


def identity(size: int) -> Tensor:
    kernel = torch.zeros(size, size)
    kernel[size // 2, size // 2] = 1
    return kernel


def box(size: int) -> Tensor:
    return torch.full((size, size), 1 / size**2)


def gaussian(size: int) -> Tensor:
    """Its deviation is a sixth of the side, so that three of them fit on either side of the middle."""
    along = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(along**2) / (2 * (size / 6) ** 2))
    return torch.outer(weights, weights).div(weights.sum() ** 2).float()


def _fixed(*rows: Sequence[float]) -> Callable[[int], Tensor]:
    def kernel(size: int) -> Tensor:
        return torch.tensor(rows)

    return kernel


KERNELS: dict[str, Callable[[int], Tensor]] = {
    "identity": identity,
    "box": box,
    "gaussian": gaussian,
    "sobel-x": _fixed((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0)),
    "sobel-y": _fixed((-1.0, -2.0, -1.0), (0.0, 0.0, 0.0), (1.0, 2.0, 1.0)),
    "laplacian": _fixed((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),
    "sharpen": _fixed((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0)),
    "emboss": _fixed((-2.0, -1.0, 0.0), (-1.0, 1.0, 1.0), (0.0, 1.0, 2.0)),
}
SIZED = ("identity", "box", "gaussian")
"""Kernels of any side; the others have 3."""


def kernel_of(name: str, size: int = 3) -> Tensor:
    """(size, size) float32; those that are 3×3 by definition take no other size."""
    if name not in KERNELS:
        raise unknown_name("kernel", name, KERNELS)
    if not 1 <= size <= MOST_SIDE or (name not in SIZED and size != 3):
        most = f"1 to {MOST_SIDE}" if name in SIZED else "3"
        raise InputError(f"the side of the kernel {name} is {most}; got {size}")
    return KERNELS[name](size)


@dataclass(frozen=True)
class Sliding:
    """How a kernel slides. `transposed` slides it over the output instead, each input pixel adding the kernel
    times its value: strides then enlarge.
    """

    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.stride <= 16 and 0 <= self.padding <= 64 and 1 <= self.dilation <= 16):
            raise InputError(
                "expected a stride from 1 to 16, padding from 0 to 64 and a dilation from 1 to 16; got "
                f"{self.stride}, {self.padding} and {self.dilation}"
            )

    def size(self, length: int, kernel: int) -> int:
        """The length of what comes out, of one side. Raises `InputError` where that is nothing."""
        reach = self.dilation * (kernel - 1)
        if self.transposed:
            found = (length - 1) * self.stride - 2 * self.padding + reach + 1
        else:
            found = (length + 2 * self.padding - reach - 1) // self.stride + 1
        if found < 1:
            raise InputError(
                f"a kernel of {kernel} with dilation {self.dilation} and padding {self.padding} leaves "
                f"nothing of {length} pixels"
            )
        return found

    def size_in_words(self, length: int, kernel: int) -> str:
        """The formula of `size` with its numbers."""
        s, p, d, k, n = self.stride, self.padding, self.dilation, kernel, length
        found = self.size(length, kernel)
        if self.transposed:
            return f"({n} − 1)·{s} − 2·{p} + {d}·({k} − 1) + 1 = {found}"
        return f"⌊({n} + 2·{p} − {d}·({k} − 1) − 1) ÷ {s}⌋ + 1 = {found}"

    def multiply_adds(self, size: tuple[int, int], kernel: int, channels: tuple[int, int]) -> int:
        """Of a layer from `channels` (in, out) on maps of `size` (height, width): each number of the output,
        or of the input where it is transposed, meets every weight of a channel pair.
        """
        height, width = size
        if not self.transposed:
            height, width = self.size(height, kernel), self.size(width, kernel)
        return channels[0] * channels[1] * kernel**2 * height * width


def filtered(pictures: Tensor, kernel: Tensor, sliding: Sliding) -> Tensor:
    """(b, c, h, w) → (b, c, h', w'): `kernel` (k, k) over each channel by itself, zeros beyond the border."""
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not 1 <= len(kernel) <= MOST_SIDE:
        raise InputError(f"expected a square kernel; got {'×'.join(map(str, kernel.shape))}")
    for length in pictures.shape[2:]:
        sliding.size(length, len(kernel))
    channels = pictures.shape[1]
    weights = kernel.to(pictures)[None, None].expand(channels, 1, -1, -1)
    slide = F.conv_transpose2d if sliding.transposed else F.conv2d
    found: Tensor = slide(
        pictures,
        weights,
        stride=sliding.stride,
        padding=sliding.padding,
        dilation=sliding.dilation,
        groups=channels,
    )
    return found

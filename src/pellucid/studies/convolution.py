"""One kernel over one picture: what comes out, of which size, at which cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.decode import decode
from pellucid.ops.filters import KERNELS, Sliding, filtered, kernel_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import unknown_name
from pellucid.views.colours import fitting
from pellucid.views.contents import Table
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Heat, Image

GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as ITU-R BT.601 weighs them


@dataclass(frozen=True)
class ConvolutionStudy(Study):
    picture: Path | None = None
    """A picture file; by default a photograph that comes with scikit-learn."""
    kernel: str = "sobel-x"
    """identity, box, gaussian, sobel-x, sobel-y, laplacian, sharpen or emboss."""
    size: int = 3
    """The kernel's side, of identity, box and gaussian."""
    stride: int = 1
    """How far it moves."""
    padding: int = 0
    """Zeros around the picture."""
    dilation: int = 1
    """How far its weights are apart."""
    transposed: bool = False
    """Slide over the output instead."""
    channels: tuple[int, int] = (3, 64)
    """Of the layer whose cost is counted: in and out."""

    def run(self) -> Findings:
        if self.kernel not in KERNELS:
            raise unknown_name("kernel", self.kernel, KERNELS)
        pixels = grey(picture_of(self.picture))
        kernel = kernel_of(self.kernel, self.size)
        sliding = Sliding(self.stride, self.padding, self.dilation, self.transposed)
        found = filtered(pixels[None, None], kernel, sliding)[0, 0].numpy()
        facts = bill(sliding, (pixels.shape[0], pixels.shape[1]), len(kernel), self.channels)
        scale = fitting(found, "response")
        shown = Panel(
            (Heat(found, scale),), self.kernel, frame=(float(len(found)), float(found.shape[1])), key=scale
        )
        return Findings(
            f"Convolution with {self.kernel}",
            f"A kernel of {len(kernel)}×{len(kernel)}, stride {self.stride}, padding {self.padding}, "
            f"dilation {self.dilation}{', transposed' if self.transposed else ''}, over values in [0, 1].",
            Table(("what", "how much"), tuple((name, words) for name, words in facts.items())),
            Figure((_picture(pixels), shown)),
            {
                **asdict(self),
                "picture": str(self.picture or ""),
                "kernel_values": kernel.tolist(),
                "low": float(found.min()),
                "high": float(found.max()),
                **facts,
            },
            heading="Before and after",
        )


def picture_of(path: Path | None) -> Tensor:
    """(3, h, w) uint8."""
    if path is not None:
        return decode(path)
    from sklearn.datasets import load_sample_image

    return torch.tensor(np.array(load_sample_image("flower.jpg"))).permute(2, 0, 1)


def grey(picture: Tensor) -> Tensor:
    """(h, w) in [0, 1] of a (3, h, w) uint8 picture."""
    values: Tensor = torch.tensordot(torch.tensor(GREY), picture.float() / 255, 1)
    return values


def bill(sliding: Sliding, size: tuple[int, int], kernel: int, channels: tuple[int, int]) -> dict[str, Any]:
    """Output size and cost, as formulae with their numbers."""
    height, width = size
    weights = channels[0] * channels[1] * kernel**2
    adds = sliding.multiply_adds(size, kernel, channels)
    return {
        "height": sliding.size_in_words(height, kernel),
        "width": sliding.size_in_words(width, kernel),
        "weights": f"{channels[0]}·{channels[1]}·{kernel}² = {weights:,}",
        "multiply-adds": f"{weights:,} · {adds // weights:,} = {adds:,}",
    }


def _picture(pixels: Tensor) -> Panel:
    shown: NDArray[np.uint8] = (255 * pixels).round().byte().numpy()
    frame = (float(shown.shape[0]), float(shown.shape[1]))
    return Panel((Image(np.repeat(shown[..., None], 3, 2)),), "picture", frame=frame)


STUDIES: dict[str, type[Study]] = {"convolution": ConvolutionStudy}

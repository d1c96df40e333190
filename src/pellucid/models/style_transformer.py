"""A network that paints any picture in one style, in one pass.

Johnson, Alahi & Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016,
supplementary table 1: two convolutions that halve the picture, five residual blocks, and back.

Where we deviate: instance norm in place of batch norm (Ulyanov, Vedaldi & Lempitsky, 2016, arXiv:1607.08022).
As Dumoulin, Shlens & Kudlur do ("A learned representation for artistic style", ICLR 2017, appendix A),
nearest-neighbour up-sampling and a convolution in place of transposed ones, which draw checkerboards, and
mirrored borders in place of zeros; the last convolution's numbers go through a sigmoid, so that the result is
a picture in [0, 1]. 1,679,235 parameters.

b batch · c channels · h, w height and width
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape
from pellucid.ops.maps import mirrored

STRIDE = 4
BLOCKS = 5


class MirroredConv(nn.Module):
    """A convolution beyond whose border the map goes on as in a mirror; instance norm unless it is the last.
    Pictures may have any size.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, norm: bool = True) -> None:
        super().__init__()
        self.around = kernel // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.norm(self.conv(_mirrored(x, self.around)))
        return output


class Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut; nothing rectifies after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = MirroredConv(channels, channels, 3)
        self.relu = nn.ReLU(inplace=True)
        self.second = MirroredConv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.second(self.relu(self.first(x)))
        return output


class StyleTransformer(nn.Module):
    """(b, c, h, w) as the data are normalised → (b, c, h, w) in [0, 1], as pictures are shown. `width` is the
    channels of the first layer.
    """

    def __init__(self, *, width: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            MirroredConv(channels, width, 9),
            nn.ReLU(inplace=True),
            MirroredConv(width, 2 * width, 3, stride=2),
            nn.ReLU(inplace=True),
            MirroredConv(2 * width, 4 * width, 3, stride=2),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(*(Residual(4 * width) for _ in range(BLOCKS)))
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            MirroredConv(4 * width, 2 * width, 3),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2),
            MirroredConv(2 * width, width, 3),
            nn.ReLU(inplace=True),
        )
        self.head = MirroredConv(width, outputs, 9, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        below, right = (-side % STRIDE for side in (height, width))
        x = mirrored(x, before=0, height=height + below, width=width + right) if below or right else x
        x = self.head(self.up(self.blocks(self.down(x))))
        return torch.sigmoid(x.float())[..., :height, :width]


def _mirrored(x: Tensor, around: int) -> Tensor:
    height, width = x.shape[-2:]
    if around < min(height, width):
        return nn.functional.pad(x, (around,) * 4, mode="reflect")
    return mirrored(x, before=around, height=height + 2 * around, width=width + 2 * around)


def _build(*, width: int = 32, inputs: tuple[int, ...], outputs: int) -> StyleTransformer:
    channels, _, _ = picture_shape(inputs)
    return StyleTransformer(width=width, channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "style-transformer": _build,
    "style-transformer-16": partial(_build, width=16),
}

"""Convolutional autoencoders: convolutions that halve the picture, a dense layer to the code, and back.

Masci et al., "Stacked convolutional auto-encoders for hierarchical feature extraction", ICANN 2011.

Where we deviate: strided convolutions for max pooling, no pretraining layer by layer; the way back enlarges
with nearest neighbours before each convolution, to the very sizes there were on the way down, so that any
picture size comes back as it was, without the checkerboards of transposed convolutions (`pellucid study
upsampling`).

b batch · c channels · h, w sides, of stage i halved i times and rounded up · k numbers of a code
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.autoencoder import Autoencoder
from pellucid.models.shapes import picture_shape

WIDTHS = (32, 64, 128)


def stage_sizes(shape: tuple[int, int, int], stages: int) -> list[tuple[int, int]]:
    """(height, width) of the picture and after each halving, rounded up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(stages):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


class Down(nn.Sequential):
    """(b, c, h, w) → (b, n): a convolution of stride 2 for each of `widths`, all its numbers in a row."""

    def __init__(self, *, shape: tuple[int, int, int], widths: Sequence[int] = WIDTHS) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([shape[0], *widths]):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Flatten())
        height, width = stage_sizes(shape, len(widths))[-1]
        self.features = widths[-1] * height * width


class Up(nn.Module):
    """(b, k) → (b, c, h, w): a dense layer, then enlarged and convolved back through the stages' sizes."""

    def __init__(self, *, code: int, shape: tuple[int, int, int], widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.sizes = [*reversed(stage_sizes(shape, len(widths)))]
        height, width = self.sizes[0]
        self.smallest = (widths[-1], height, width)
        self.linear = nn.Linear(code, widths[-1] * height * width)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1)
            for inputs, outputs in pairwise([*reversed(widths), shape[0]])
        )

    def forward(self, code: Tensor) -> Tensor:
        x: Tensor = self.linear(code).reshape(-1, *self.smallest)
        for conv, size in zip(self.convs, self.sizes[1:], strict=True):
            x = conv(F.interpolate(F.relu(x), size, mode="nearest"))
        return x


def _build(*, inputs: tuple[int, ...], outputs: int) -> Autoencoder:
    shape = picture_shape(inputs)
    down = Down(shape=shape)
    return Autoencoder(
        encoder=nn.Sequential(down, nn.Linear(down.features, outputs)),
        decoder=Up(code=outputs, shape=shape),
        shape=shape,
        code=outputs,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {"autoencoder-conv": _build}

"""Twice as high and wide: five ways for a decoder to bring a map back, by name in `UPSAMPLINGS`.

- "bilinear", "nearest": each new pixel between, or as, its neighbours, then a 3×3 convolution: Odena,
  Dumoulin & Olah, "Deconvolution and checkerboard artifacts", Distill 2016.
- "transposed-2", "-3", "-4": a transposed convolution of stride 2, whose kernel of that side spreads each
  pixel. Zeiler, Krishnan, Taylor & Fergus, "Deconvolutional networks", CVPR 2010. One of side 2 is the
  up-convolution of U-Net. Where the side is no multiple of the stride, some pixels get more contributions
  than their neighbours, which shows as a checkerboard.
- "sub-pixel": a 3×3 convolution gives four maps for each, whose pixels are laid beside one another: Shi et
  al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
  network", CVPR 2016 (arXiv:1609.05158). The four begin alike ("ICNR": Aitken et al., arXiv:1707.02937), so
  that it begins as "nearest" does, without a checkerboard.
- "unpooling": each pixel goes back to where the encoder's pooling had found the maximum, after a 1×1
  convolution and before a 3×3 one: Noh, Hong & Han, "Learning deconvolution network for semantic
  segmentation", ICCV 2015 (arXiv:1505.04366).

A transposed convolution gives sides of (h - 1) · stride - 2 · padding + dilation · (kernel - 1) +
output_padding + 1; here that is 2h for every kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.ops.maps import unpooled

MakeUpsampling = Callable[[int, int], nn.Module]
"""(input channels, output channels) → a block that takes a map (b, c, h, w) and the switches (b, c', h, w) of
the pooling that it undoes, and gives (b, c', 2h, 2w)."""


def transposed_size(
    size: int, *, kernel: int, stride: int, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """The side that a transposed convolution makes of one of `size` pixels."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


class Interpolate(nn.Module):
    """Up-sampling without weights, "bilinear" or "nearest", then a 3×3 convolution."""

    def __init__(self, inputs: int, outputs: int, *, mode: str) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode=mode)
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        output: Tensor = self.conv(self.upsample(x))
        return output


class Transposed(nn.Module):
    """A transposed convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int) -> None:
        super().__init__()
        padding = (kernel - 1) // 2
        lacking = 2 - transposed_size(1, kernel=kernel, stride=2, padding=padding)
        self.conv = nn.ConvTranspose2d(
            inputs, outputs, kernel, stride=2, padding=padding, output_padding=lacking
        )

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        output: Tensor = self.conv(x)
        return output


class SubPixel(nn.Module):
    """A 3×3 convolution to four times the channels, and these laid side by side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        with torch.no_grad():
            for values in (self.conv.weight, self.conv.get_parameter("bias")):
                values.copy_(values[::4].repeat_interleave(4, 0))  # four neighbours begin as one

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        output: Tensor = self.shuffle(self.conv(x))
        return output


class Unpooling(nn.Module):
    """Values back to where maxima had been, between two convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(inputs, outputs, 1)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        output: Tensor = self.conv(unpooled(self.reduce(x), switches, (2 * height, 2 * width)))
        return output


UPSAMPLINGS: dict[str, MakeUpsampling] = {
    "bilinear": partial(Interpolate, mode="bilinear"),
    "nearest": partial(Interpolate, mode="nearest"),
    **{f"transposed-{kernel}": partial(Transposed, kernel=kernel) for kernel in (2, 3, 4)},
    "sub-pixel": SubPixel,
    "unpooling": Unpooling,
}


def fill_bilinear(layer: nn.ConvTranspose2d) -> None:
    """Have a transposed convolution begin as bilinear interpolation of each channel by its stride.

    Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015, section
    3.3. A kernel of twice the stride does so exactly, but for the picture's edges.
    """
    stride, side = layer.stride[0], layer.kernel_size[0]
    centre = (side - 1) / 2
    row = (1 - (torch.arange(side, dtype=torch.float32) - centre).abs() / stride).clamp(min=0)
    channels = min(layer.in_channels, layer.out_channels)
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            layer.weight[channel, channel] = torch.outer(row, row).to(layer.weight)

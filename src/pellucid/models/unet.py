"""U-Net, with the blocks and the up-sampling that one likes.

Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015
(arXiv:1505.04597), figure 1.

A path down halves the map and doubles the channels four times; a path up doubles the map again, and at every
size joins the map that the way down had there, so that the deep maps say what is seen and the shallow ones
where exactly. A 1×1 convolution classifies every pixel.

"unet-valid" is as published, its convolutions without borders: a tile of 572 pixels gives the classes of the
388 in its middle. Pictures are mirrored around their edges, as the paper tiles them, so that the result has
the picture's size; `bare` is the network alone. All others pad their convolutions by one, and pictures with
zeros to multiples of 16, whose results are cut off again.

Where we deviate: what comes after the paper. "unet-bn" normalises between convolution and rectification,
without biases. "unet-residual" has ResNet's blocks (Zhang, Liu & Wang, "Road extraction by deep residual
U-Net", 2018, arXiv:1711.10684, has pre-activated ones), "unet-dense" four densely connected convolutions that
give a quarter of the channels each (Jégou et al., "The one hundred layers tiramisu", 2017, arXiv:1611.09326),
"unet-se" gates the channels after every block of "unet-bn" (Rundo et al., "USE-Net", 2019, arXiv:1904.08254).
A number at the end is the first block's channels, 64 as published; a word is a name of `UPSAMPLINGS`.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.blocks.canvas import Canvas, ZeroCanvas
from pellucid.blocks.squeeze_excite import REDUCTION, SqueezeExcite
from pellucid.blocks.upsample import UPSAMPLINGS, MakeUpsampling
from pellucid.models.resnet import BasicBlock
from pellucid.models.shapes import picture_shape
from pellucid.ops.maps import mirrored

MakeBlock = Callable[[int, int], nn.Module]
"""(input channels, output channels) → a block, (b, c, h, w) → (b, c', h, w), or less without padding."""

STRIDE = 16
BORDER = 92  # of the picture's surroundings that a result of convolutions without borders rests on


def plain(inputs: int, outputs: int, *, padding: int = 1) -> nn.Module:
    """Two 3×3 convolutions with bias."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=padding),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=padding),
        nn.ReLU(inplace=True),
    )


def normalised(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions with batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def residual(inputs: int, outputs: int) -> nn.Module:
    return BasicBlock(inputs, outputs, 1)


def gate(channels: int) -> nn.Module:
    """Squeeze-and-excitation of four units at least: a single one that rectifies may never answer."""
    return SqueezeExcite(channels, squeezed=max(4, channels // REDUCTION))


def excited(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(normalised(inputs, outputs), gate(outputs))


class DenseBlock(nn.Module):
    """`count` 3×3 convolutions, each of which sees what came in and all that those before it gave; the block
    gives what is new.
    """

    def __init__(self, inputs: int, outputs: int, *, count: int = 4) -> None:
        super().__init__()
        growth = outputs // count
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs + place * growth, growth, 3, padding=1, bias=False),
                nn.BatchNorm2d(growth),
                nn.ReLU(inplace=True),
            )
            for place in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.layers:
            maps.append(layer(torch.cat(maps, 1)))
        return torch.cat(maps[1:], 1)


CANVAS = partial(ZeroCanvas, STRIDE)
"""With zeros, to the next sizes that can be halved four times."""


class MirrorCanvas(Canvas):
    """Mirrored on all sides, to the sizes from which convolutions without borders leave at least the picture:
    what they give, up to the network's result, begins where the picture does.
    """

    border = BORDER

    def forward(self, x: Tensor) -> Tensor:
        height, width = (STRIDE * -(-(side + 124) // STRIDE) + 60 for side in x.shape[-2:])
        return mirrored(x, before=self.border, height=height, width=width)


class UNet(nn.Module):
    """(b, c, h, w) → (b, k, h, w). `width` is the channels of the first block; `canvas` brings pictures to
    sizes that `bare` takes, and `dropout` is the probability at the end of the way down.
    """

    def __init__(
        self,
        *,
        block: MakeBlock,
        upsampling: MakeUpsampling,
        canvas: Callable[[], Canvas] = CANVAS,
        width: int,
        dropout: float,
        channels: int,
        outputs: int,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        pairs = [*zip(widths[1:], widths[:-1], strict=True)][::-1]
        self.canvas = canvas()
        self.down = nn.ModuleList(map(block, [channels, *widths[:-1]], widths))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(upsampling(deep, shallow) for deep, shallow in pairs)
        self.merge = nn.ModuleList(block(2 * shallow, shallow) for _, shallow in pairs)
        self.head = nn.Conv2d(width, outputs, 1)
        for module in (*self.down.modules(), *self.merge.modules()):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        return self.bare(self.canvas(x))[..., :height, :width]

    def bare(self, x: Tensor) -> Tensor:
        """The network alone: of sides that are multiples of 16, or, for convolutions without borders, of 16n
        + 60, which leave 16n - 124.
        """
        kept, switches = [], []
        for block in self.down[:-1]:
            x = block(x)
            kept.append(x)
            x, places = self.pool(x)
            switches.append(places)
        x = self.dropout(self.down[-1](x))  # (b, 16 width, h/16, w/16)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = up(x, switches.pop())
            x = merge(torch.cat([middle(kept.pop(), x), x], 1))
        logits: Tensor = self.head(x)
        return logits


def middle(x: Tensor, like: Tensor) -> Tensor:
    """The part in the middle of `x` that has the size of `like`."""
    height, width = like.shape[-2:]
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width] if (height, width) != x.shape[-2:] else x


def _build(
    block: MakeBlock,
    *,
    width: int = 64,
    upsampling: str = "transposed-2",
    canvas: Callable[[], Canvas] = CANVAS,
    dropout: float = 0.0,
    inputs: tuple[int, ...],
    outputs: int,
) -> UNet:
    channels, _, _ = picture_shape(inputs)
    return UNet(
        block=block,
        upsampling=UPSAMPLINGS[upsampling],
        canvas=canvas,
        width=width,
        dropout=dropout,
        channels=channels,
        outputs=outputs,
    )


_KINDS: dict[str, Callable[..., nn.Module]] = {
    "unet": partial(_build, plain, dropout=0.5),
    "unet-bn": partial(_build, normalised),
    "unet-residual": partial(_build, residual),
    "unet-dense": partial(_build, DenseBlock),
    "unet-se": partial(_build, excited),
}

VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "unet-valid": partial(_build, partial(plain, padding=0), canvas=MirrorCanvas, dropout=0.5),
    **_KINDS,
    **{f"{name}-{width}": partial(make, width=width) for name, make in _KINDS.items() for width in (16, 8)},
    **{
        f"unet-bn-16-{name}": partial(_build, normalised, width=16, upsampling=name)
        for name in UPSAMPLINGS
        if name != "transposed-2"
    },
}

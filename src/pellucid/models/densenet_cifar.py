"""Densely connected networks for small pictures: the CIFAR study.

Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks", CVPR 2017
(arXiv:1608.06993), sections 3 and 4.2, table 2.

A layer sees the maps of all layers before it in its block, and adds a few of its own (the "growth" k). Three
blocks of n layers work at full, half and quarter resolution, a transition between them. A plain layer is one
3×3 convolution, which makes 3n + 4 weighted layers. DenseNet-BC narrows what has gathered to 4k maps before
each of them, which makes 6n + 4, and halves the channels in its transitions.

Where we deviate: nowhere in the network; convolutions are initialised over their outputs, as in the authors'
program. The paper drops a fifth of what every convolution but the first gives when it trains without
augmentation; the layers are there, their probability is 0 until it is set. Any size of picture from 4 × 4 on
is taken, since the last map is averaged as a whole.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SMALLEST = 4  # two transitions leave it a pixel

MakeLayer = Callable[[int, int], nn.Module]
"""(channels, growth) → a layer, (b, c, h, w) → (b, c + growth, h, w): its input and the maps it adds."""


class PlainLayer(nn.Module):
    """One 3×3 convolution."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        new = self.dropout(self.conv(self.relu(self.norm(x))))  # (b, growth, h, w)
        return torch.cat((x, new), dim=1)


class BottleneckLayer(nn.Module):
    """A 1×1 convolution to four times the growth before the 3×3 one."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.dropout1 = nn.Dropout(0.0)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.dropout2 = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        new = self.dropout1(self.conv1(self.relu1(self.norm1(x))))  # (b, 4 · growth, h, w)
        new = self.dropout2(self.conv2(self.relu2(self.norm2(new))))  # (b, growth, h, w)
        return torch.cat((x, new), dim=1)


def transition(inputs: int, outputs: int) -> nn.Sequential:
    """(b, c, h, w) → (b, c', ⌊h / 2⌋, ⌊w / 2⌋)."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(inputs),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(inputs, outputs, 1, bias=False),
            dropout=nn.Dropout(0.0),
            pool=nn.AvgPool2d(2),
        )
    )


class CifarDenseNet(nn.Module):
    """(b, c, h, w) → (b, k). The first convolution makes `width` maps; each block has `depth` layers that add
    `growth` maps each; a transition keeps the share `compression` of the channels.
    """

    def __init__(
        self,
        *,
        layer: MakeLayer,
        depth: int,
        growth: int,
        width: int,
        compression: float,
        channels: int,
        outputs: int,
    ) -> None:
        super().__init__()

        def block(inputs: int) -> nn.Sequential:
            return nn.Sequential(*(layer(inputs + index * growth, growth) for index in range(depth)))

        gained = depth * growth
        width2 = int((width + gained) * compression)
        width3 = int((width2 + gained) * compression)
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.block1 = block(width)
        self.transition1 = transition(width + gained, width2)
        self.block2 = block(width2)
        self.transition2 = transition(width2 + gained, width3)
        self.block3 = block(width3)
        self.norm = nn.BatchNorm2d(width3 + gained)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(width3 + gained, outputs)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(self.conv(x))  # (b, c, h, w)
        x = self.block2(self.transition1(x))  # (b, c', h/2, w/2)
        x = self.block3(self.transition2(x))  # (b, c'', h/4, w/4)
        x = self.relu(self.norm(x))
        logits: Tensor = self.linear(self.flatten(self.avgpool(x)))
        return logits


def _plain(depth: int, growth: int, *, inputs: tuple[int, ...], outputs: int) -> CifarDenseNet:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return CifarDenseNet(
        layer=PlainLayer,
        depth=(depth - 4) // 3,
        growth=growth,
        width=16,
        compression=1.0,
        channels=channels,
        outputs=outputs,
    )


def _bottlenecked(depth: int, growth: int, *, inputs: tuple[int, ...], outputs: int) -> CifarDenseNet:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return CifarDenseNet(
        layer=BottleneckLayer,
        depth=(depth - 4) // 6,
        growth=growth,
        width=2 * growth,
        compression=0.5,
        channels=channels,
        outputs=outputs,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "cifar-densenet40-12": partial(_plain, 40, 12),
    "cifar-densenet100-12": partial(_plain, 100, 12),
    "cifar-densenet100-24": partial(_plain, 100, 24),
    "cifar-densenet-bc100-12": partial(_bottlenecked, 100, 12),
    "cifar-densenet-bc250-24": partial(_bottlenecked, 250, 24),
    "cifar-densenet-bc190-40": partial(_bottlenecked, 190, 40),
}

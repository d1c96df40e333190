"""Densely connected networks for ImageNet.

Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks", CVPR 2017
(arXiv:1608.06993), table 1: DenseNet-BC.

A layer sees the maps of all layers before it in its block, and adds a few of its own: nothing is computed
twice, and the loss speaks to every layer directly. A 1×1 convolution first narrows what has gathered (the
"bottleneck", four times the layer's new maps), and between blocks a transition halves both the channels
("compression") and the picture.

Where we deviate: convolutions are initialised over their inputs, as torchvision does, where the authors'
program does it over the outputs. A layer gives its input together with its own maps, so the concatenation of
torchvision's next layer is the output of this one; module names, weights and results are torchvision's.
`se-densenet121` is in neither paper: squeeze-and-excitation (Hu, Shen & Sun, CVPR 2018) ends each dense block
and each transition, where widespread implementations put it. It has the weights of `densenet121` and, called
`se`, those of the gates.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import Attach, SqueezeExcite
from pellucid.models.shapes import picture_shape

SMALLEST = 29  # what leaves the last transition a pixel
_BOTTLENECK = 4

Layers = OrderedDict[str, nn.Module]
"""What an `nn.Sequential` runs, by name."""


class DenseLayer(nn.Module):
    """(b, c, h, w) → (b, c + growth, h, w): the input, and behind it the maps made from all of it."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, _BOTTLENECK * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(_BOTTLENECK * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(self.relu1(self.norm1(x)))  # (b, 4 · growth, h, w)
        new = self.conv2(self.relu2(self.norm2(new)))  # (b, growth, h, w)
        return torch.cat((x, new), dim=1)


def dense_block(depth: int, *, inputs: int, growth: int) -> Layers:
    """(b, c, h, w) → (b, c + depth · growth, h, w)."""
    return OrderedDict(
        (f"denselayer{index + 1}", DenseLayer(inputs + index * growth, growth)) for index in range(depth)
    )


def transition(inputs: int, outputs: int) -> Layers:
    """(b, c, h, w) → (b, c', ⌊h / 2⌋, ⌊w / 2⌋)."""
    return OrderedDict(
        norm=nn.BatchNorm2d(inputs),
        relu=nn.ReLU(inplace=True),
        conv=nn.Conv2d(inputs, outputs, 1, bias=False),
        pool=nn.AvgPool2d(2),
    )


class DenseNet(nn.Module):
    """(b, c, h, w) → (b, k). `depths` is the number of layers of each block, `growth` the maps each adds.

    `attach` makes what ends each block and each transition, if anything.
    """

    def __init__(
        self,
        *,
        depths: Sequence[int],
        growth: int,
        channels: int,
        outputs: int,
        attach: Attach | None = None,
    ) -> None:
        super().__init__()
        width = 2 * growth
        stages: Layers = OrderedDict(
            conv0=nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(width),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )

        def add_stage(name: str, layers: Layers) -> None:
            if attach is not None:
                layers["se"] = attach(width)
            stages[name] = nn.Sequential(layers)

        for number, depth in enumerate(depths, start=1):
            block = dense_block(depth, inputs=width, growth=growth)
            width += depth * growth
            add_stage(f"denseblock{number}", block)
            if number < len(depths):
                halving = transition(width, width // 2)
                width //= 2
                add_stage(f"transition{number}", halving)
        stages["norm5"] = nn.BatchNorm2d(width)
        stages["relu5"] = nn.ReLU(inplace=True)
        self.features = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(width, outputs)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (b, c', h/32, w/32)
        logits: Tensor = self.classifier(self.flatten(self.avgpool(x)))
        return logits


def _build(
    depths: Sequence[int],
    growth: int = 32,
    attach: Attach | None = None,
    *,
    inputs: tuple[int, ...],
    outputs: int,
) -> DenseNet:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return DenseNet(depths=depths, growth=growth, channels=channels, outputs=outputs, attach=attach)


def renamed(name: str) -> str:
    """torchvision's or timm's name of a weight → ours. They differ in torchvision's published files alone,
    which are older than its own network: `denselayer1.norm.1.weight` is today's `denselayer1.norm1.weight`.
    """
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(?=[12]\.)", r"\1", name)


_DEPTHS = {
    "densenet121": (6, 12, 24, 16),
    "densenet161": (6, 12, 36, 24),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
}

PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {
    name: {f"torchvision/{name}": renamed, f"timm/{name}": renamed} for name in _DEPTHS
}

VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "densenet121": partial(_build, _DEPTHS["densenet121"]),
    "densenet161": partial(_build, _DEPTHS["densenet161"], 48),
    "densenet169": partial(_build, _DEPTHS["densenet169"]),
    "densenet201": partial(_build, _DEPTHS["densenet201"]),
    "se-densenet121": partial(_build, _DEPTHS["densenet121"], attach=SqueezeExcite),
}

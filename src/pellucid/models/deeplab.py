"""DeepLab v3 and v3+, and FCN, on residual networks with dilation.

Chen, Papandreou, Schroff & Adam, "Rethinking atrous convolution for semantic image segmentation", 2017
(arXiv:1706.05587), section 3; Chen, Zhu, Papandreou, Schroff & Adam, "Encoder-decoder with atrous separable
convolution for semantic image segmentation", ECCV 2018 (arXiv:1802.02611), section 3; Long, Shelhamer &
Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015 (arXiv:1411.4038).

How large a thing is, is not known beforehand: an atrous spatial pyramid looks at the last map with holes of
several rates, and at its mean, side by side. v3 scales what comes of that to the picture's size; v3+ first
joins it with the map of the first stage, where edges are still sharp. FCN on a residual network has nothing
but one convolution in place of the pyramid. A second classifier on the third stage's map helps in training.

Where we deviate: "fcn-…" and "deeplabv3-…" are torchvision's, names of weights and results, with its
auxiliary classifier; so their rates are 12, 24 and 36 at a stride of 8 (v3 as published has multi-grid as
well). v3+ has the paper's decoder and rates at stride 16, twice the rates at 8, plain convolutions instead of
depthwise separable ones, as its table 3 compares on ResNet, and no auxiliary classifier. A number at the end
is the output stride where it is not the usual one. Weights of the residual networks are taken over.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.backbone import OnBackbone
from pellucid.models.dilation import DilatedResNet, OutputStride
from pellucid.models.shapes import picture_shape

WIDTH = 256
EDGES = 48
"""Channels of the decoder, and those of the first stage's map that join them."""

RATES: dict[OutputStride, tuple[int, ...]] = {8: (12, 24, 36), 16: (6, 12, 18)}


def unit(inputs: int, outputs: int, kernel: int, *, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the size, batch norm, ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def scaled(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, size=[*size], mode="bilinear", align_corners=False)


class PooledUnit(nn.Sequential):
    """The mean of each map through a 1×1 convolution, everywhere the same."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *unit(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        for layer in self:
            x = layer(x)
        return scaled(x, size)


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: (b, c, h, w) → (b, c', h, w)."""

    def __init__(self, inputs: int, rates: Sequence[int], *, dropout: float) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                unit(inputs, WIDTH, 1),
                *(unit(inputs, WIDTH, 3, dilation=rate) for rate in rates),
                PooledUnit(inputs, WIDTH),
            ]
        )
        self.project = nn.Sequential(*unit(len(self.convs) * WIDTH, WIDTH, 1), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.project(torch.cat([conv(x) for conv in self.convs], 1))
        return output


def fcn_head(inputs: int, outputs: int) -> nn.Sequential:
    width = inputs // 4
    return nn.Sequential(*unit(inputs, width, 3), nn.Dropout(0.1), nn.Conv2d(width, outputs, 1))


def pyramid_head(inputs: int, outputs: int, *, rates: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(
        Pyramid(inputs, rates, dropout=0.5), *unit(WIDTH, WIDTH, 3), nn.Conv2d(WIDTH, outputs, 1)
    )


class Scaled(OnBackbone):
    """(b, c, h, w) → (b, k, h, w); in training also what the auxiliary classifier says, in the same size.

    `head` makes the classifier of the last map (input channels, outputs).
    """

    leaves = ("fc.",)

    def __init__(self, backbone: DilatedResNet, head: Callable[[int, int], nn.Module], outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = head(backbone.widths["layer4"], outputs)
        self.aux_classifier = fcn_head(backbone.widths["layer3"], outputs)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        maps = self.backbone(x)
        logits = scaled(self.classifier(maps["layer4"]), x.shape[-2:])
        if not self.training:
            return logits
        return logits, scaled(self.aux_classifier(maps["layer3"]), x.shape[-2:])


class DeepLabV3Plus(OnBackbone):
    """(b, c, h, w) → (b, k, h, w)."""

    leaves = ("fc.",)

    def __init__(self, backbone: DilatedResNet, *, rates: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.pyramid = Pyramid(backbone.widths["layer4"], rates, dropout=0.1)
        self.edges = unit(backbone.widths["layer1"], EDGES, 1)
        self.decoder = nn.Sequential(unit(WIDTH + EDGES, WIDTH, 3), unit(WIDTH, WIDTH, 3))
        self.head = nn.Conv2d(WIDTH, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.backbone(x)
        edges = self.edges(maps["layer1"])  # (b, 48, h/4, w/4)
        seen = scaled(self.pyramid(maps["layer4"]), edges.shape[-2:])
        return scaled(self.head(self.decoder(torch.cat([seen, edges], 1))), x.shape[-2:])


def _fcn(resnet: str, *, inputs: tuple[int, ...], outputs: int) -> Scaled:
    channels, _, _ = picture_shape(inputs)
    return Scaled(DilatedResNet(resnet, stride=8, channels=channels), fcn_head, outputs)


def _v3(resnet: str, *, stride: OutputStride = 8, inputs: tuple[int, ...], outputs: int) -> Scaled:
    channels, _, _ = picture_shape(inputs)
    backbone = DilatedResNet(resnet, stride=stride, channels=channels)
    return Scaled(backbone, partial(pyramid_head, rates=RATES[stride]), outputs)


def _plus(resnet: str, *, stride: OutputStride = 16, inputs: tuple[int, ...], outputs: int) -> DeepLabV3Plus:
    channels, _, _ = picture_shape(inputs)
    backbone = DilatedResNet(resnet, stride=stride, channels=channels)
    return DeepLabV3Plus(backbone, rates=RATES[stride], outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    **{f"fcn-{resnet}": partial(_fcn, resnet) for resnet in ("resnet50", "resnet101")},
    **{f"deeplabv3-{resnet}": partial(_v3, resnet) for resnet in ("resnet18", "resnet50", "resnet101")},
    "deeplabv3-resnet50-16": partial(_v3, "resnet50", stride=16),
    **{f"deeplabv3plus-{resnet}": partial(_plus, resnet) for resnet in ("resnet18", "resnet50", "resnet101")},
    "deeplabv3plus-resnet50-8": partial(_plus, "resnet50", stride=8),
}

PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {
    name: {f"torchvision/{name.replace('-', '_')}": str}
    for name in ("fcn-resnet50", "fcn-resnet101", "deeplabv3-resnet50", "deeplabv3-resnet101")
}

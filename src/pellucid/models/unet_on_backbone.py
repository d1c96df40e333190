"""U-Net on any classifier: `unet/resnet18`, `unet/torchvision/densenet121`, `unet/timm/convnext_tiny`.

Ronneberger, Fischer & Brox, "U-Net", MICCAI 2015 (arXiv:1505.04597), whose way down is another network, as in
Iglovikov & Shvets, "TernausNet: U-Net with VGG11 encoder pre-trained on ImageNet", 2018 (arXiv:1801.05746).

The classifier gives its last map of each resolution (`models.pyramid`). From the deepest one the way up
doubles the map, joins it with the classifier's map of that size, where it has one, and convolves twice. With
ResNet-18 it is what segmentation_models_pytorch builds as `Unet("resnet18")`.

Where maps of the classifier have lost a border, as Inception's have, the map that joins them is scaled to
their size. Pictures are padded with zeros to sides that can be halved as often as the classifier does, and
that it takes, and the result is cut back.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.models.backbone import OnBackbone
from pellucid.models.pyramid import Pyramid
from pellucid.models.unet import normalised

WIDTHS = (16, 32, 64, 128, 256)
"""Channels on the way up, by how often the picture is halved there."""


class UNetOnBackbone(OnBackbone):
    """(b, c, h, w) → (b, k, h, w). `backbone`, called `name`, is a classifier of pictures of `channels`, of
    which nothing but its way to its last map is kept. Raises `InputError` for one that cannot be cut so.
    """

    def __init__(self, backbone: nn.Module, *, name: str, channels: int, outputs: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, channels, name=name)
        self.leaves = tuple(f"{layer}." for layer in self.pyramid.dropped)
        self.backbone = backbone
        self.deepest = self.pyramid.levels[-1].level
        self.canvas = ZeroCanvas(2**self.deepest, least=self.pyramid.smallest)
        skips = {level.level: level.channels for level in self.pyramid.levels}
        self.up = nn.ModuleList()
        inputs = skips[self.deepest]
        for level in reversed(range(self.deepest)):
            self.up.append(normalised(inputs + skips.get(level, 0), WIDTHS[level]))
            inputs = WIDTHS[level]
        self.head = nn.Conv2d(inputs, outputs, 3, padding=1)
        for module in self.up.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.canvas(x)
        sides = x.shape[-2:]
        *maps, deepest = self.pyramid.maps_of(self.backbone, x)
        skips = {level.level: found for level, found in zip(self.pyramid.levels, maps, strict=False)}
        x = deepest
        for merge, level in zip(self.up, reversed(range(self.deepest)), strict=True):
            skip = skips.get(level)
            size = (sides[0] >> level, sides[1] >> level) if skip is None else skip.shape[-2:]
            x = F.interpolate(x, size=size, mode="nearest")
            x = merge(x if skip is None else torch.cat([x, skip], 1))
        if x.shape[-2:] != sides:
            x = F.interpolate(x, size=sides, mode="nearest")
        logits: Tensor = self.head(x)[..., :height, :width]
        return logits

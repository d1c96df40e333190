"""Residual networks that keep their maps large: dilation in place of strides.

Chen, Papandreou, Schroff & Adam, "Rethinking atrous convolution for semantic image segmentation", 2017
(arXiv:1706.05587), section 3.1.

Where a stage would halve the map and does not, its convolutions, and those of the stages after it, leave
holes twice as large, so that each sees what it would have seen. As in torchvision, the first 3×3 convolution
of such a stage has the holes of the stage before, and the paper's multi-grid is left out.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pellucid.models import MODELS

OutputStride = Literal[8, 16]


class DilatedResNet(nn.Module):
    """The convolutions of the residual network called `name`, built for pictures of `channels`, whose last
    map is the picture's size over `stride`. Layers are called as there.
    """

    def __init__(self, name: str, *, stride: OutputStride, channels: int) -> None:
        super().__init__()
        network = MODELS[name](inputs=(channels, 224, 224), outputs=1)
        for part in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(part, network.get_submodule(part))
        if stride == 8:
            dilate(self.get_submodule("layer3"), before=1, rate=2)
        dilate(self.get_submodule("layer4"), before=16 // stride, rate=32 // stride)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(b, c, h, w) → the maps of all layers by name; "layer1" is a quarter of the picture's size,
        "layer3" and "layer4" are 1 / stride, or "layer3" 1 / 16.
        """
        maps = {}
        for name, layer in self.named_children():
            x = maps[name] = layer(x)
        return maps

    @property
    def widths(self) -> dict[str, int]:
        """The channels of the maps of "layer1" to "layer4"."""
        return {name: _width(self.get_submodule(name)) for name in ("layer1", "layer2", "layer3", "layer4")}


def dilate(stage: nn.Module, *, before: int, rate: int) -> None:
    """Take the stride out of a stage's convolutions, and have the 3×3 ones reach `rate` pixels far, those of
    its first block `before`.
    """
    for place, block in enumerate(stage.children()):
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)
                if layer.kernel_size == (3, 3):
                    reach = before if place == 0 else rate
                    layer.padding = layer.dilation = (reach, reach)


def _width(stage: nn.Module) -> int:
    return [layer for layer in stage.modules() if isinstance(layer, nn.BatchNorm2d)][-1].num_features

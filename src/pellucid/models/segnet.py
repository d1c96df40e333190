"""SegNet: a VGG-16 there and back, which unpools to where the maxima had been.

Badrinarayanan, Kendall & Cipolla, "SegNet: a deep convolutional encoder-decoder architecture for image
segmentation", PAMI 2017 (arXiv:1511.00561), figure 2.

The encoder is VGG-16's 13 convolutions, the decoder the same in reverse. What the decoder gets from the
encoder is only where in each window the maximum was, not the maps themselves: edges come back sharp at little
memory.

Where we deviate: nowhere known. VGG-16's weights with batch norm are taken over. Pictures are padded with
zeros to multiples of 32, whose results are cut off.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.models.backbone import OnBackbone
from pellucid.models.shapes import picture_shape
from pellucid.models.vgg import DEPTHS, WIDTHS, begin, convolutions, normalised
from pellucid.ops.maps import unpooled

STRIDE = 32

Size = tuple[int, int]


def with_switches(features: nn.Sequential) -> nn.Sequential:
    """`features`, whose poolings also return where the maxima were."""
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            layer.return_indices = True
    return features


def encoded(features: nn.Sequential, x: Tensor) -> tuple[Tensor, list[tuple[Tensor, Size]]]:
    """The last map, and of each pooling its switches and the size of what it pooled."""
    places: list[tuple[Tensor, Size]] = []
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            height, width = x.shape[-2:]
            x, switches = layer(x)
            places.append((switches, (height, width)))
        else:
            x = layer(x)
    return x, places


class SegNet(OnBackbone):
    """(b, c, h, w) → (b, k, h, w). `depths` is the number of convolutions of each stage."""

    adopts = ("features.",)

    def __init__(self, *, depths: Sequence[int], channels: int, outputs: int) -> None:
        super().__init__()
        self.canvas = ZeroCanvas(STRIDE)
        self.features = with_switches(convolutions(normalised, depths, channels))
        self.decoder = nn.ModuleList()
        for stage in reversed(range(len(depths))):
            width, last = WIDTHS[stage], WIDTHS[max(stage - 1, 0)]
            layers = [layer for _ in range(depths[stage] - 1) for layer in normalised(width, width)]
            final = normalised(width, last) if stage else [nn.Conv2d(width, outputs, 3, padding=1)]
            self.decoder.append(nn.Sequential(*layers, *final))
        begin(self)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x, places = encoded(self.features, self.canvas(x))  # (b, 512, h/32, w/32)
        for stage in self.decoder:
            x = stage(unpooled(x, *places.pop()))
        return x[..., :height, :width]

    def adopt(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}


def segnet(*, inputs: tuple[int, ...], outputs: int) -> SegNet:
    channels, _, _ = picture_shape(inputs)
    return SegNet(depths=DEPTHS[16], channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"segnet": segnet}

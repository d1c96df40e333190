"""VGG networks.

Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015
(arXiv:1409.1556), table 1.

Nothing but 3×3 convolutions: two see what one of 5×5 sees (18c² weights instead of 25c²), three what one of
7×7 sees, with more rectifications in between. Five stages halve the picture and double the maps up to 512;
three dense layers, which hold most of the parameters, classify.

Where we deviate: the last map is averaged to 7 × 7 (which it is for 224 pixels), so that pictures of other
sizes are taken, also after the network was built; layers are initialised for rectified units (He et al., ICCV
2015), so that no shallow network has to be trained first; the variants with batch norm, which came after the
paper, normalise between convolution and rectification. All three as torchvision does, whose module names,
initialisation and results these are.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

MakeLayers = Callable[[int, int], Sequence[nn.Module]]
"""(input channels, output channels) → the layers of one convolution, (b, c, h, w) → (b, c', h, w)."""

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by the number of layers with weights: the paper's columns A, B, D and E."""


def plain(inputs: int, outputs: int) -> Sequence[nn.Module]:
    return (nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True))


def normalised(inputs: int, outputs: int) -> Sequence[nn.Module]:
    return (nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def convolutions(layers: MakeLayers, depths: Sequence[int], channels: int) -> nn.Sequential:
    """Five stages of `depths` convolutions: (b, c, h, w) → (b, 512, h/32, w/32)."""
    features = nn.Sequential()
    inputs = channels
    for depth, width in zip(depths, WIDTHS, strict=True):
        for _ in range(depth):
            features.extend(layers(inputs, width))
            inputs = width
        features.append(nn.MaxPool2d(2))
    return features


def begin(layers: nn.Module) -> None:
    """Begin convolutions for rectified units."""
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.get_parameter("bias"))


class VGG(nn.Module):
    """(b, c, h, w) → (b, k). `depths` is the number of convolutions of each stage."""

    def __init__(self, *, layers: MakeLayers, depths: Sequence[int], channels: int, outputs: int) -> None:
        super().__init__()
        self.features = convolutions(layers, depths, channels)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, outputs),
        )
        begin(self.features)
        for module in self.classifier:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (b, 512, h/32, w/32)
        x = self.flatten(self.avgpool(x))  # (b, 25088)
        logits: Tensor = self.classifier(x)
        return logits


def _build(depth: int, layers: MakeLayers, *, inputs: tuple[int, ...], outputs: int) -> VGG:
    channels, _, _ = picture_shape(inputs, smallest=32)
    return VGG(layers=layers, depths=DEPTHS[depth], channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    **{f"vgg{depth}": partial(_build, depth, plain) for depth in DEPTHS},
    **{f"vgg{depth}-bn": partial(_build, depth, normalised) for depth in DEPTHS},
}

"""AlexNet in one tower.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (arXiv:1404.5997), after
Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012.

Five convolutions, the first coarse and the next ever finer, three overlapping maximum poolings, and three
dense layers with dropout, all rectified. Without the two towers that two small graphics cards asked for, and
without response normalisation, which turned out to help little; `alexnet_2012` keeps both.

Where we deviate, as torchvision does: the fourth convolution has 256 maps instead of 384, and the last map is
averaged to 6 × 6 (which it is for 224 pixels), so that pictures of other sizes are taken, also after the
network was built. Module names, initialisation and results are torchvision's.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SMALLEST = 63
"""Pixels of a side, below which the last pooling has nothing to look at."""


class AlexNet(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (b, 256, h/32, w/32)
        x = self.flatten(self.avgpool(x))  # (b, 9216)
        logits: Tensor = self.classifier(x)
        return logits


def alexnet(*, inputs: tuple[int, ...], outputs: int) -> AlexNet:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return AlexNet(channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"alexnet": alexnet}

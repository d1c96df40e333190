"""AlexNet as it won ImageNet in 2012.

Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012.

Five convolutions and three dense layers, spread over two graphics cards: the second, fourth and fifth
convolution see only the maps of their own card, which are groups here; the third and the dense layers see
both. Each pixel of the first two convolutions' maps is divided by what its neighbours among the maps amount
to. Rectified units train several times faster than tanh, and dropout keeps sixty million parameters from
learning the training pictures by heart.

Where we deviate: the paper's picture of 224 pixels gives the paper's 55 × 55 maps only with two pixels of
padding around it, which it does not mention. (Caffe's reference takes 227 without padding; 227 runs here,
too.) The last map is averaged to 6 × 6, which it is for these two sizes, so that others are taken, also after
the network was built. Names of layers are Caffe's.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SMALLEST = 63
"""Pixels of a side, below which the last pooling has nothing to look at."""


class ResponseNorm(nn.Module):
    """Each value divided by (2 + 10⁻⁴ · sum of the squares in five neighbouring maps)^¾, section 3.3.

    PyTorch's takes the mean of the five where the paper takes the sum, and no bfloat16 on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        squares = x.square().flatten(2)[:, None]  # (b, 1, c, h·w)
        sums = 5 * F.avg_pool2d(squares, (5, 1), stride=1, padding=(2, 0))  # beyond the first and last: zeros
        return x / (2 + 1e-4 * sums.view_as(x)) ** 0.75


class AlexNet2012(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 96, 11, stride=4, padding=2)
        self.relu1 = nn.ReLU(inplace=True)
        self.norm1 = ResponseNorm()
        self.pool1 = nn.MaxPool2d(3, stride=2)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.relu2 = nn.ReLU(inplace=True)
        self.norm2 = ResponseNorm()
        self.pool2 = nn.MaxPool2d(3, stride=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.relu4 = nn.ReLU(inplace=True)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.relu5 = nn.ReLU(inplace=True)
        self.pool5 = nn.MaxPool2d(3, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(256 * 6 * 6, 4096)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, outputs)
        self._initialise()

    def _initialise(self) -> None:
        """Section 5; biases of 1 give the rectified units of most layers something positive to start on."""
        ones = (self.conv2, self.conv4, self.conv5, self.fc6, self.fc7)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.get_parameter("bias"), 1.0 if layer in ones else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.norm1(self.relu1(self.conv1(x))))  # (b, 96, 27, 27) for 224 × 224
        x = self.pool2(self.norm2(self.relu2(self.conv2(x))))  # (b, 256, 13, 13)
        x = self.relu3(self.conv3(x))  # (b, 384, 13, 13)
        x = self.relu4(self.conv4(x))
        x = self.pool5(self.relu5(self.conv5(x)))  # (b, 256, 6, 6)
        x = self.flatten(self.avgpool(x))
        x = self.drop6(self.relu6(self.fc6(x)))  # (b, 4096)
        x = self.drop7(self.relu7(self.fc7(x)))
        logits: Tensor = self.fc8(x)
        return logits


def alexnet_2012(*, inputs: tuple[int, ...], outputs: int) -> AlexNet2012:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return AlexNet2012(channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"alexnet-2012": alexnet_2012}

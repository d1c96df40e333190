"""Residual networks for small pictures: the CIFAR-10 study.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016
(arXiv:1512.03385), section 4.2.

A block learns what to add to its input instead of a new picture of it, so a hundred layers train as easily as
eight. Three stages of n blocks work at full, half and quarter resolution with 16, 32 and 64 channels: 6n + 2
weighted layers. Where the shape changes, the shortcut takes every second pixel and fills new channels with
zeros ("option A"): it has no parameters.

Where we deviate: nowhere; 8 and 14 layers (n = 1, 2) are our own additions, and so is the first stride of 2
for pictures of 64 × 64, after which the rest sees the size that it was made for. Any size of picture is
taken, since the last map is averaged as a whole. Module names are those of the weights that
akamaster/pytorch_resnet_cifar10 published.

Batch norms begin with the variances that they meet before the first step. With ones in their place each
block would double what it is given in evaluation mode, and a thousand layers end in infinity.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape


class PadShortcut(nn.Module):
    """Option A: (b, c, h, w) → (b, c', ⌈h / stride⌉, ⌈w / stride⌉), half of the zeros on either side."""

    def __init__(self, *, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


class Block(nn.Module):
    """(b, c, h, w) → (b, c', ⌈h / stride⌉, ⌈w / stride⌉): two 3×3 convolutions beside a shortcut."""

    def __init__(self, *, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else PadShortcut(inputs=inputs, outputs=outputs, stride=stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        output: Tensor = self.relu2(residual + self.shortcut(x))
        return output

    def expect(self, power: float) -> float:
        """Have `bn1` begin with the variance that it meets at first.
        `power` is the mean square of the inputs, returned is about that of the outputs.
        """
        self.bn1.get_buffer("running_var").fill_(2 * power)  # by He's weights
        return power * self.conv1.in_channels / self.conv1.out_channels + 1


def stage(blocks: int, *, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`blocks` blocks, the first of which changes the shape."""
    rest = (Block(inputs=outputs, outputs=outputs, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(Block(inputs=inputs, outputs=outputs, stride=stride), *rest)


class CifarResNet(nn.Module):
    """(b, c, h, w) → (b, k). `blocks` is the paper's n; the first convolution has the `stride`."""

    def __init__(self, *, blocks: int, channels: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stage(blocks, inputs=16, outputs=16, stride=1)
        self.layer2 = stage(blocks, inputs=16, outputs=32, stride=2)
        self.layer3 = stage(blocks, inputs=32, outputs=64, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        power = 0.5  # of a normal distribution, rectified
        for module in self.modules():
            if isinstance(module, Block):
                power = module.expect(power)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer1(x)  # (b, 16, h, w)
        x = self.layer2(x)  # (b, 32, h/2, w/2)
        x = self.layer3(x)  # (b, 64, h/4, w/4)
        logits: Tensor = self.linear(self.flatten(self.avgpool(x)))
        return logits


def _build(depth: int, stride: int = 1, *, inputs: tuple[int, ...], outputs: int) -> CifarResNet:
    channels, _, _ = picture_shape(inputs)
    return CifarResNet(blocks=(depth - 2) // 6, channels=channels, outputs=outputs, stride=stride)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    **{f"cifar-resnet{depth}": partial(_build, depth) for depth in (8, 14, 20, 32, 44, 56, 110, 1202)},
    "cifar-resnet8-64": partial(_build, 8, 2),
}

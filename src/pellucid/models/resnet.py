"""Residual networks for ImageNet.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016 (arXiv:1512.03385), table 1.

A block learns what to add to its input, so that depth costs nothing to train. A stem brings the picture to a
quarter of its size; four stages of blocks halve it further while the channels double; the mean over the last
map is classified linearly.

Where we deviate: nowhere; where the shape changes, the shortcut is a 1×1 convolution ("option B"). Layers are
initialised as the paper does (He et al., ICCV 2015, over the outputs). Module names and results are
torchvision's.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

MakeBlock = Callable[[int, int, int], nn.Module]
"""(input channels, output channels, stride) → a block, (b, c, h, w) → (b, c', h / stride, w / stride)."""


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity where the shape stays, a projection where it changes."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
        nn.BatchNorm2d(outputs),
    )


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        output: Tensor = self.relu2(residual + self.downsample(x))
        return output


def stage(block: MakeBlock, count: int, *, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`count` blocks, the first of which changes the shape."""
    return nn.Sequential(
        block(inputs, outputs, stride), *(block(outputs, outputs, 1) for _ in range(count - 1))
    )


class ResNet(nn.Module):
    """(b, c, h, w) → (b, k). `depths` is the number of blocks of each stage, `widths` its channels."""

    def __init__(
        self, *, block: MakeBlock, depths: Sequence[int], widths: Sequence[int], channels: int, outputs: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(block, depths[0], inputs=64, outputs=widths[0], stride=1)
        self.layer2 = stage(block, depths[1], inputs=widths[0], outputs=widths[1], stride=2)
        self.layer3 = stage(block, depths[2], inputs=widths[1], outputs=widths[2], stride=2)
        self.layer4 = stage(block, depths[3], inputs=widths[2], outputs=widths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(widths[3], outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (b, 64, h/4, w/4)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)  # (b, c, h/32, w/32)
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits


def resnet18(*, inputs: tuple[int, ...], outputs: int) -> ResNet:
    channels, _, _ = picture_shape(inputs)
    return ResNet(
        block=BasicBlock, depths=(2, 2, 2, 2), widths=(64, 128, 256, 512), channels=channels, outputs=outputs
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {"resnet18": resnet18}

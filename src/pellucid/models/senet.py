"""SENet-154, the squeeze-and-excitation network that won ILSVRC 2017.

Hu, Shen & Sun, "Squeeze-and-excitation networks", CVPR 2018 (arXiv:1709.01507), section 6.4 and appendix.

A ResNeXt-152 of 64 groups with squeeze-and-excitation on every residual, and what the authors changed to win:
a stem of three 3×3 convolutions, half as many channels in a block's first convolution, 3×3 projections on the
shortcuts that halve the map, and dropout before the classifier.

Where we deviate: nowhere from the weights that the authors published, and so the pooling after the stem has
no border but a last window that may stand over the edge. Results are those of timm's `legacy_senet154`, its
module names ours but for two; the squeeze-and-excitation networks of other depths stand in `resnet`.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import SqueezeExcite
from pellucid.models.shapes import picture_shape

GROUPS = 64


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity where the shape stays, else a projection: of 3×3 where the map is halved."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    kernel = 1 if stride == 1 else 3
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):
    """(b, c, h, w) → (b, c', ⌈h / stride⌉, ⌈w / stride⌉): 1×1, grouped 3×3 and 1×1 convolution and a gate
    beside a shortcut.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs // 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs // 2)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs // 2, outputs, 3, stride=stride, padding=1, groups=GROUPS, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcite(outputs)
        self.downsample = shortcut(inputs, outputs, stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))  # (b, c'/2, h, w)
        residual = self.relu2(self.bn2(self.conv2(residual)))  # (b, c', h/stride, w/stride)
        residual = self.se(self.bn3(self.conv3(residual)))
        output: Tensor = self.relu3(residual + self.downsample(x))
        return output


class Stem(nn.Module):
    """(b, c, h, w) → (b, 128, h / 4, w / 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(128)
        self.relu3 = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        output: Tensor = self.pool(self.relu3(self.bn3(self.conv3(x))))
        return output


def stage(count: int, *, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`count` blocks, the first of which changes the shape."""
    return nn.Sequential(
        Block(inputs, outputs, stride), *(Block(outputs, outputs, 1) for _ in range(count - 1))
    )


class SENet(nn.Module):
    """(b, c, h, w) → (b, k). `depths` is the number of blocks of each stage."""

    def __init__(self, *, depths: Sequence[int], channels: int, outputs: int) -> None:
        super().__init__()
        self.layer0 = Stem(channels)
        self.layer1 = stage(depths[0], inputs=128, outputs=256, stride=1)
        self.layer2 = stage(depths[1], inputs=256, outputs=512, stride=2)
        self.layer3 = stage(depths[2], inputs=512, outputs=1024, stride=2)
        self.layer4 = stage(depths[3], inputs=1024, outputs=2048, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(2048, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer0(x)  # (b, 128, h/4, w/4)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)  # (b, 2048, h/32, w/32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits


def senet154(*, inputs: tuple[int, ...], outputs: int) -> SENet:
    channels, _, _ = picture_shape(inputs, smallest=3)
    return SENet(depths=(3, 8, 36, 3), channels=channels, outputs=outputs)


def renamed(name: str) -> str:
    """timm's name of a weight of `legacy_senet154` → ours."""
    return name.replace("last_linear.", "fc.").replace(".se_module.", ".se.")


PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {"senet154": {"timm/legacy_senet154": renamed}}

VARIANTS: dict[str, Callable[..., nn.Module]] = {"senet154": senet154}

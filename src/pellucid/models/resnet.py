"""Residual networks for ImageNet: ResNet, ResNeXt, wide ResNet, with and without squeeze-and-excitation.

He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016 (arXiv:1512.03385), table 1.
Xie, Girshick, Dollár, Tu & He, "Aggregated residual transformations", CVPR 2017 (arXiv:1611.05431), table 1.
Zagoruyko & Komodakis, "Wide residual networks", BMVC 2016 (arXiv:1605.07146).
Hu, Shen & Sun, "Squeeze-and-excitation networks", CVPR 2018 (arXiv:1709.01507), table 1.

A block learns what to add to its input, so that depth costs nothing to train. A stem brings the picture to a
quarter of its size; four stages of blocks halve it further while the channels double; the mean over the last
map is classified linearly. The deep ones narrow the channels to a quarter around the 3×3 convolution (17c²
weights where two 3×3 would have 18c², at four times the channels). ResNeXt splits that convolution into
groups, the wide network narrows less, and squeeze-and-excitation weighs the channels of what is added.

Where we deviate: a bottleneck halves the map in its 3×3 convolution instead of the first 1×1, as the weights
that are published today do. Where the shape changes, the shortcut is a 1×1 convolution ("option B"). Layers
are initialised as the paper does (He et al., ICCV 2015, over the outputs). Module names and results are
torchvision's; with squeeze-and-excitation, those of timm's `seresnet50` and its kin. (timm's `seresnet18`
squeezes 64 channels to 8 units, where the paper has 4. Its `legacy_` networks have our counts, but pool
without a border; besides, `legacy_seresnet50` halves in the first 1×1 and `legacy_seresnet18` rectifies
before the gate.)

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from pellucid.blocks.squeeze_excite import Attach, SqueezeExcite
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

    def __init__(self, inputs: int, outputs: int, stride: int, *, attach: Attach | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.se = None if attach is None else attach(outputs)
        self.downsample = shortcut(inputs, outputs, stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        if self.se is not None:
            residual = self.se(residual)
        output: Tensor = self.relu2(residual + self.downsample(x))
        return output


class Bottleneck(nn.Module):
    """1×1, 3×3 in `groups`, and 1×1 convolution beside a shortcut; in between 1 / `narrowing` of the output
    channels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        narrowing: int = 4,
        groups: int = 1,
        attach: Attach | None = None,
    ) -> None:
        super().__init__()
        width = outputs // narrowing
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = None if attach is None else attach(outputs)
        self.downsample = shortcut(inputs, outputs, stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))  # (b, c'/narrowing, h, w)
        residual = self.relu2(self.bn2(self.conv2(residual)))  # (b, c'/narrowing, h/stride, w/stride)
        residual = self.bn3(self.conv3(residual))  # (b, c', h/stride, w/stride)
        if self.se is not None:
            residual = self.se(residual)
        output: Tensor = self.relu3(residual + self.downsample(x))
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


_SHALLOW = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_DEEP = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def _shallow(depth: int, *, attach: Attach | None = None, inputs: tuple[int, ...], outputs: int) -> ResNet:
    channels, _, _ = picture_shape(inputs)
    return ResNet(
        block=partial(BasicBlock, attach=attach),
        depths=_SHALLOW[depth],
        widths=(64, 128, 256, 512),
        channels=channels,
        outputs=outputs,
    )


def _deep(
    depth: int,
    *,
    narrowing: int = 4,
    groups: int = 1,
    attach: Attach | None = None,
    inputs: tuple[int, ...],
    outputs: int,
) -> ResNet:
    channels, _, _ = picture_shape(inputs)
    return ResNet(
        block=partial(Bottleneck, narrowing=narrowing, groups=groups, attach=attach),
        depths=_DEEP[depth],
        widths=(256, 512, 1024, 2048),
        channels=channels,
        outputs=outputs,
    )


_PLAIN: dict[str, Callable[..., nn.Module]] = {
    **{f"resnet{depth}": partial(_shallow, depth) for depth in _SHALLOW},
    **{f"resnet{depth}": partial(_deep, depth) for depth in _DEEP},
    "resnext50-32x4d": partial(_deep, 50, narrowing=2, groups=32),
    "resnext101-32x8d": partial(_deep, 101, narrowing=1, groups=32),
    "resnext101-64x4d": partial(_deep, 101, narrowing=1, groups=64),
    "wide-resnet50-2": partial(_deep, 50, narrowing=2),
    "wide-resnet101-2": partial(_deep, 101, narrowing=2),
}

_EXCITED: dict[str, Callable[..., nn.Module]] = {
    **{f"se-resnet{depth}": partial(_shallow, depth, attach=SqueezeExcite) for depth in _SHALLOW},
    **{f"se-resnet{depth}": partial(_deep, depth, attach=SqueezeExcite) for depth in _DEEP},
    "se-resnext50-32x4d": partial(_deep, 50, narrowing=2, groups=32, attach=SqueezeExcite),
    "se-resnext101-32x4d": partial(_deep, 101, narrowing=2, groups=32, attach=SqueezeExcite),
}


def _theirs(name: str) -> str:
    return name.replace("se-", "se").replace("-", "_")


# The weights' names are theirs, and `str` leaves a name as it is.
PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {
    **{name: {f"torchvision/{_theirs(name)}": str, f"timm/{_theirs(name)}": str} for name in _PLAIN},
    **{
        name: {f"timm/{_theirs(name)}": str}
        for name in ("se-resnet50", "se-resnext50-32x4d", "se-resnext101-32x4d")
    },
}

VARIANTS: dict[str, Callable[..., nn.Module]] = {**_PLAIN, **_EXCITED}

"""Xception.

Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017 (arXiv:1610.02357),
figure 5.

An Inception module looks at channels and at places almost separately; here they are wholly separate. A
separable convolution first filters each channel alone in space, then mixes the channels point by point, which
takes a ninth of the weights of a full 3×3 convolution. Blocks of two or three of them stand beside shortcuts:
the entry flow brings the picture to a sixteenth of its size, the middle flow repeats one block eight times,
the exit flow widens to 2048 channels.

Rectification comes before each separable convolution in a block, which therefore adds to its input what has
not been rectified; the very first block receives rectified maps and begins with the convolution.

Where we deviate: where a pooling window of stride 2 needs a border, it is the same on all sides, and batch
norm adds 1e-5 to the variance; the author's program, in Keras, pads maps of even size below and to the right
only, and adds 1e-3. Both are as in timm's `legacy_xception`, with whose weights we give its results. Dropout
before the classifier is the paper's for ImageNet.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SMALLEST = 7  # what the two convolutions at the beginning leave a pixel


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """(b, c, h, w) → (b, c', h, w)."""
    return nn.Sequential(
        OrderedDict(
            depthwise=nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            pointwise=nn.Conv2d(inputs, outputs, 1, bias=False),
        )
    )


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity where the shape stays, a projection where it changes."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
            bn=nn.BatchNorm2d(outputs),
        )
    )


class Block(nn.Module):
    """(b, c, h, w) → (b, c', ⌈h / stride⌉, ⌈w / stride⌉): separable convolutions beside a shortcut.

    `widths` are the channels that come in and those behind each convolution. `rectified` inputs need no ReLU
    before the first.
    """

    def __init__(self, widths: Sequence[int], *, stride: int = 1, rectified: bool = False) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, (before, after) in enumerate(pairwise(widths), start=1):
            layers[f"relu{number}"] = nn.ReLU(inplace=number > 1)  # the shortcut needs the block's input
            layers[f"separable{number}"] = separable(before, after)
            layers[f"bn{number}"] = nn.BatchNorm2d(after)
        if rectified:
            del layers["relu1"]
        if stride > 1:
            layers["pool"] = nn.MaxPool2d(3, stride=stride, padding=1)
        self.body = nn.Sequential(layers)
        self.shortcut = shortcut(widths[0], widths[-1], stride)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x) + self.shortcut(x)
        return output


class Xception(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu2 = nn.ReLU(inplace=True)
        self.entry = nn.Sequential(
            Block((64, 128, 128), stride=2, rectified=True),
            Block((128, 256, 256), stride=2),
            Block((256, 728, 728), stride=2),
        )
        self.middle = nn.Sequential(*(Block((728, 728, 728, 728)) for _ in range(8)))
        self.exit = Block((728, 728, 1024), stride=2)
        self.separable3 = separable(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.relu3 = nn.ReLU(inplace=True)
        self.separable4 = separable(1536, 2048)
        self.bn4 = nn.BatchNorm2d(2048)
        self.relu4 = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))  # (b, 32, h/2, w/2)
        x = self.relu2(self.bn2(self.conv2(x)))  # (b, 64, h/2, w/2)
        x = self.entry(x)  # (b, 728, h/16, w/16)
        x = self.middle(x)
        x = self.exit(x)  # (b, 1024, h/32, w/32)
        x = self.relu3(self.bn3(self.separable3(x)))  # (b, 1536, h/32, w/32)
        x = self.relu4(self.bn4(self.separable4(x)))  # (b, 2048, h/32, w/32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits


def xception(*, inputs: tuple[int, ...], outputs: int) -> Xception:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return Xception(channels=channels, outputs=outputs)


def renamed(name: str) -> str:
    """timm's name of a weight of `legacy_xception` → ours."""
    name = re.sub(r"(\w+)\.conv1\.", r"\1.depthwise.", name)
    name = re.sub(r"^conv([34])\.", r"separable\1.", name)
    name = name.replace(".skip.", ".shortcut.conv.").replace(".skipbn.", ".shortcut.bn.")
    block = re.match(r"block(\d+)\.(?:rep\.(\d+)\.)?", name)
    if block is None:
        return name
    number = int(block[1])
    stage = f"entry.{number - 1}" if number < 4 else f"middle.{number - 4}" if number < 12 else "exit"
    if block[2] is None:
        return f"{stage}.{name[block.end() :]}"
    # By turns ReLU, convolution, norm; the first block lacks the first ReLU, and begins with the convolution.
    turn, layer = divmod(int(block[2]) + (number == 1), 3)
    return f"{stage}.body.{('relu', 'separable', 'bn')[layer]}{turn + 1}.{name[block.end() :]}"


PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {"xception": {"timm/legacy_xception": renamed}}

VARIANTS: dict[str, Callable[..., nn.Module]] = {"xception": xception}

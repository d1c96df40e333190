"""Inception v3, with and without squeeze-and-excitation.

Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, "Rethinking the inception architecture for computer vision", CVPR
2016 (arXiv:1512.00567).
Hu, Shen & Sun, "Squeeze-and-excitation networks", CVPR 2018 (arXiv:1709.01507), section 3.3.

Large windows are taken apart: 5×5 into two of 3×3, 7×7 into 1×7 and 7×1, so that the same reach costs less.
Maps are halved by convolutions and a pooling side by side, which lose less than one of them alone. Batch
normalisation follows each convolution, also in the small classifier that helps in training.

Where we deviate, as the authors' own program and torchvision do: the beginning closes with a 1×1 and a 3×3
convolution and a pooling instead of three 3×3 convolutions, and the blocks on 35 × 35 keep a window of 5×5.
Names, initialisation and results are torchvision's; that its published weights want pictures in [-1, 1]
(`transform_input`) is a matter of preprocessing, not of the network. Pictures below 299 × 299 leave the small
classifier less than the 17 × 17 that it was made for: its input is then enlarged to that by repetition.
`se-inception-v3` weighs the maps of each of the eleven blocks; it has the weights of `inception-v3` and,
called `attached`, those of the gates.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.blocks.conv_norm_act import ConvNormAct
from pellucid.blocks.squeeze_excite import Attach, SqueezeExcite, nothing
from pellucid.models.shapes import picture_shape


class InceptionA(nn.Module):
    """(b, c, h, w) → (b, 224 + pooled, h, w): windows of 1×1, 5×5, twice 3×3, and a mean."""

    def __init__(self, inputs: int, *, pooled: int, attach: Attach) -> None:
        super().__init__()
        self.branch1x1 = ConvNormAct(inputs, 64, 1)
        self.branch5x5_1 = ConvNormAct(inputs, 48, 1)
        self.branch5x5_2 = ConvNormAct(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = ConvNormAct(inputs, 64, 1)
        self.branch3x3dbl_2 = ConvNormAct(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvNormAct(96, 96, 3, padding=1)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNormAct(inputs, pooled, 1)
        self.attached = attach(224 + pooled)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        five = self.branch5x5_2(self.branch5x5_1(x))
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        mean = self.branch_pool(self.pool(x))
        output: Tensor = self.attached(torch.cat([one, five, twice, mean], 1))
        return output


class InceptionB(nn.Module):
    """(b, c, h, w) → (b, 480 + c, h/2, w/2): windows of 3×3, twice 3×3, and a maximum, all 2 apart."""

    def __init__(self, inputs: int, *, attach: Attach) -> None:
        super().__init__()
        self.branch3x3 = ConvNormAct(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = ConvNormAct(inputs, 64, 1)
        self.branch3x3dbl_2 = ConvNormAct(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvNormAct(96, 96, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.attached = attach(480 + inputs)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3(x)
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        output: Tensor = self.attached(torch.cat([three, twice, self.pool(x)], 1))
        return output


class InceptionC(nn.Module):
    """(b, c, h, w) → (b, 768, h, w): windows of 1×1, 7×7, twice 7×7, taken apart, and a mean. `narrow` is the
    number of maps inside.
    """

    def __init__(self, inputs: int, *, narrow: int, attach: Attach) -> None:
        super().__init__()
        self.branch1x1 = ConvNormAct(inputs, 192, 1)
        self.branch7x7_1 = ConvNormAct(inputs, narrow, 1)
        self.branch7x7_2 = ConvNormAct(narrow, narrow, (1, 7), padding=(0, 3))
        self.branch7x7_3 = ConvNormAct(narrow, 192, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = ConvNormAct(inputs, narrow, 1)
        self.branch7x7dbl_2 = ConvNormAct(narrow, narrow, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = ConvNormAct(narrow, narrow, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = ConvNormAct(narrow, narrow, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = ConvNormAct(narrow, 192, (1, 7), padding=(0, 3))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNormAct(inputs, 192, 1)
        self.attached = attach(768)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        mean = self.branch_pool(self.pool(x))
        output: Tensor = self.attached(torch.cat([one, seven, twice, mean], 1))
        return output


class InceptionD(nn.Module):
    """(b, c, h, w) → (b, 512 + c, h/2, w/2): windows of 3×3, 7×7 then 3×3, and a maximum, ending 2 apart."""

    def __init__(self, inputs: int, *, attach: Attach) -> None:
        super().__init__()
        self.branch3x3_1 = ConvNormAct(inputs, 192, 1)
        self.branch3x3_2 = ConvNormAct(192, 320, 3, stride=2)
        self.branch7x7x3_1 = ConvNormAct(inputs, 192, 1)
        self.branch7x7x3_2 = ConvNormAct(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = ConvNormAct(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = ConvNormAct(192, 192, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)
        self.attached = attach(512 + inputs)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        seven = self.branch7x7x3_4(seven)
        output: Tensor = self.attached(torch.cat([three, seven, self.pool(x)], 1))
        return output


class InceptionE(nn.Module):
    """(b, c, h, w) → (b, 2048, h, w): windows of 1×1, 3×3, twice 3×3, and a mean; the last 3×3 of a branch
    spreads into 1×3 and 3×1 side by side.
    """

    def __init__(self, inputs: int, *, attach: Attach) -> None:
        super().__init__()
        self.branch1x1 = ConvNormAct(inputs, 320, 1)
        self.branch3x3_1 = ConvNormAct(inputs, 384, 1)
        self.branch3x3_2a = ConvNormAct(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = ConvNormAct(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = ConvNormAct(inputs, 448, 1)
        self.branch3x3dbl_2 = ConvNormAct(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = ConvNormAct(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = ConvNormAct(384, 384, (3, 1), padding=(1, 0))
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNormAct(inputs, 192, 1)
        self.attached = attach(2048)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        three = self.branch3x3_1(x)
        three = [self.branch3x3_2a(three), self.branch3x3_2b(three)]
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        twice = [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        mean = self.branch_pool(self.pool(x))
        output: Tensor = self.attached(torch.cat([one, *three, *twice, mean], 1))
        return output


class Auxiliary(nn.Module):
    """A classifier on a map in the middle, for training: (b, c, h, w) → (b, k)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv0 = ConvNormAct(inputs, 128, 1)
        self.conv1 = ConvNormAct(128, 768, 5)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(768, outputs)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = F.adaptive_avg_pool2d(x, (max(height, 17), max(width, 17)))  # nothing changes at 17 and above
        x = self.conv1(self.conv0(self.pool(x)))  # (b, 768, 1, 1) for 299 × 299
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits


class InceptionV3(nn.Module):
    """(b, c, h, w) → (b, k); in training (logits, the small classifier's)."""

    def __init__(self, *, channels: int, outputs: int, attach: Attach = nothing) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNormAct(channels, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvNormAct(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvNormAct(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = ConvNormAct(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNormAct(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, pooled=32, attach=attach)
        self.Mixed_5c = InceptionA(256, pooled=64, attach=attach)
        self.Mixed_5d = InceptionA(288, pooled=64, attach=attach)
        self.Mixed_6a = InceptionB(288, attach=attach)
        self.Mixed_6b = InceptionC(768, narrow=128, attach=attach)
        self.Mixed_6c = InceptionC(768, narrow=160, attach=attach)
        self.Mixed_6d = InceptionC(768, narrow=160, attach=attach)
        self.Mixed_6e = InceptionC(768, narrow=192, attach=attach)
        self.AuxLogits = Auxiliary(768, outputs)
        self.Mixed_7a = InceptionD(768, attach=attach)
        self.Mixed_7b = InceptionE(1280, attach=attach)
        self.Mixed_7c = InceptionE(2048, attach=attach)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, outputs)
        self._initialise()

    def _initialise(self) -> None:
        """torchvision cuts these normal distributions off at ±2, which is 20 deviations away or more."""
        for module in self.modules():
            if isinstance(module, ConvNormAct):
                nn.init.normal_(module.conv.weight, std=0.1)
        nn.init.normal_(self.AuxLogits.fc.weight, std=0.001)
        nn.init.normal_(self.fc.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (b, 64, h/2, w/2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))  # (b, 192, h/4, w/4)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))  # (b, 288, h/8, w/8)
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))  # (b, 768, h/16, w/16)
        x = self.Mixed_6e(self.Mixed_6d(x))
        auxiliary = self.AuxLogits(x) if self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (b, 2048, h/32, w/32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits if auxiliary is None else (logits, auxiliary)


def _build(attach: Attach = nothing, *, inputs: tuple[int, ...], outputs: int) -> InceptionV3:
    channels, _, _ = picture_shape(inputs, smallest=75)
    return InceptionV3(channels=channels, outputs=outputs, attach=attach)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "inception-v3": _build,
    "se-inception-v3": partial(_build, SqueezeExcite),
}

"""GoogLeNet, as published in 2014 and with batch normalisation.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke & Rabinovich, "Going deeper with convolutions",
CVPR 2015 (arXiv:1409.4842), table 1 and section 5.

An inception module looks at its input through windows of 1×1, 3×3 and 5×5 and a pooling side by side, with
1×1 convolutions before the large ones that keep them cheap. In training, two small classifiers in the middle
bring gradient to the lower half; their losses count 0.3 each.

Where we deviate: in `googlenet`, where the paper is silent: response normalisation has AlexNet's constants,
rectified layers begin as He et al. (ICCV 2015) propose, classifiers with weights of deviation 0.01.
For pictures other than 224 × 224 the small classifiers' maps are averaged to the 14 × 14 that these leave.
`googlenet-bn` is what torchvision calls GoogLeNet: batch normalisation instead of biases and response
normalisation, 3×3 where the paper has 5×5 (a mistake of the first port that its weights keep), 2×2 instead of
3×3 in the last maximum pooling, small classifiers on an average of 4 × 4, dropout of 0.2 instead of 0.4.
Names, initialisation and results are torchvision's, but for the order of the auxiliary outputs; that its
published weights want pictures in [-1, 1] (`transform_input`) is a matter of preprocessing, not of the
network. `se-googlenet-bn` weighs the maps of each inception module by squeeze-and-excitation (Hu et al. 2018,
figure 2); it has the weights of `googlenet-bn` and, called `attached`, those of the gates.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from pellucid.blocks.conv_norm_act import ConvNormAct
from pellucid.blocks.squeeze_excite import Attach, SqueezeExcite, nothing
from pellucid.models.alexnet_2012 import ResponseNorm
from pellucid.models.shapes import picture_shape


class Convolution(Protocol):
    """A convolution with its non-linearity."""

    def __call__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0
    ) -> nn.Module: ...


class ConvAct(nn.Module):
    """(b, c, h, w) → (b, c', h', w'): a convolution with bias, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.relu(self.conv(x))
        return output


class Inception(nn.Module):
    """(b, c, h, w) → (b, sum of the branches' channels, h, w). `widths` are table 1's six numbers: #1×1, #3×3
    reduce, #3×3, #5×5 reduce, #5×5, pool proj; `large` is the side of the largest window.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        convolution: Convolution,
        *,
        large: int,
        attach: Attach = nothing,
    ) -> None:
        super().__init__()
        one, three_reduced, three, five_reduced, five, pooled = widths
        self.branch1 = convolution(inputs, one, 1)
        self.branch2 = nn.Sequential(
            convolution(inputs, three_reduced, 1), convolution(three_reduced, three, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            convolution(inputs, five_reduced, 1), convolution(five_reduced, five, large, padding=large // 2)
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), convolution(inputs, pooled, 1))
        self.attached = attach(one + three + five + pooled)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        output: Tensor = self.attached(torch.cat(branches, 1))
        return output


class Auxiliary(nn.Module):
    """A classifier on a map in the middle, for training: (b, c, h, w) → (b, k)."""

    def __init__(self, inputs: int, outputs: int, convolution: Convolution, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool
        self.conv = convolution(inputs, 128, 1)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(self.conv(self.pool(x)))  # (b, 2048)
        logits: Tensor = self.fc2(self.dropout(self.relu(self.fc1(x))))
        return logits


def paper_pool() -> nn.Module:
    """(b, c, h, w) → (b, c, 4, 4): windows of 5×5, 3 apart, on the 14 × 14 that 224 × 224 pixels leave."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(14), nn.AvgPool2d(5, stride=3))


class GoogLeNet(nn.Module):
    """(b, c, h, w) → (b, k); in training (logits, the first small classifier's, the second's).

    `large` is the side of the largest window, `norm` makes what follows the first pooling and the third
    convolution, `pool` what brings a map to the 4 × 4 of a small classifier; `last_pool` is the side of the
    last maximum pooling.
    """

    def __init__(
        self,
        *,
        convolution: Convolution,
        large: int,
        norm: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        last_pool: int,
        dropout: float,
        channels: int,
        outputs: int,
        attach: Attach = nothing,
    ) -> None:
        super().__init__()

        def inception(inputs: int, *widths: int) -> Inception:
            return Inception(inputs, widths, convolution, large=large, attach=attach)

        self.conv1 = convolution(channels, 64, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = norm()
        self.conv2 = convolution(64, 64, 1)
        self.conv3 = convolution(64, 192, 3, padding=1)
        self.norm2 = norm()
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(last_pool, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = Auxiliary(512, outputs, convolution, pool())
        self.aux2 = Auxiliary(528, outputs, convolution, pool())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, outputs)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.norm1(self.maxpool1(self.conv1(x)))  # (b, 64, h/4, w/4)
        x = self.maxpool2(self.norm2(self.conv3(self.conv2(x))))  # (b, 192, h/8, w/8)
        x = self.maxpool3(self.inception3b(self.inception3a(x)))  # (b, 480, h/16, w/16)
        x = self.inception4a(x)
        first = self.aux1(x) if self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.aux2(x) if self.training else None
        x = self.maxpool4(self.inception4e(x))  # (b, 832, h/32, w/32)
        x = self.inception5b(self.inception5a(x))  # (b, 1024, h/32, w/32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits if first is None or second is None else (logits, first, second)


def googlenet(*, inputs: tuple[int, ...], outputs: int) -> GoogLeNet:
    channels, _, _ = picture_shape(inputs, smallest=31)
    model = GoogLeNet(
        convolution=ConvAct,
        large=5,
        norm=ResponseNorm,
        pool=paper_pool,
        last_pool=3,
        dropout=0.4,
        channels=channels,
        outputs=outputs,
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.get_parameter("bias"))
    for classifier in (model.fc, model.aux1.fc2, model.aux2.fc2):
        nn.init.normal_(classifier.weight, std=0.01)
    return model


def googlenet_bn(attach: Attach = nothing, *, inputs: tuple[int, ...], outputs: int) -> GoogLeNet:
    channels, _, _ = picture_shape(inputs, smallest=15)
    model = GoogLeNet(
        convolution=ConvNormAct,
        large=3,
        norm=nn.Identity,
        pool=partial(nn.AdaptiveAvgPool2d, 4),
        last_pool=2,
        dropout=0.2,
        channels=channels,
        outputs=outputs,
        attach=attach,
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.01)  # torchvision cuts off at ±2: 200 deviations away
    return model


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "googlenet": googlenet,
    "googlenet-bn": googlenet_bn,
    "se-googlenet-bn": partial(googlenet_bn, SqueezeExcite),
}

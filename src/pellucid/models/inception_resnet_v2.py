"""Inception-ResNet v2.

Szegedy, Ioffe, Vanhoucke & Alemi, "Inception-v4, Inception-ResNet and the impact of residual connections on
learning", AAAI 2017 (arXiv:1602.07261).

Inception's branches of different reach become the residual of a block: their maps, side by side, are brought
back to the block's width by a 1×1 convolution, scaled down so that a very deep sum stays steady, and added to
the input. Three groups of such blocks work at 35 × 35, 17 × 17 and 8 × 8 (for pictures of 299 × 299), with
convolutions of 3×3, of 1×7 and 7×1, and of 1×3 and 3×1; reductions in between halve the maps.

Where we deviate, as in the authors' own program, from which the published weights come: the beginning is that
of Inception v3 with one module more (`mixed5b`) instead of the paper's, groups have 10, 20 and 10 blocks and
other widths, residuals are scaled by 0.17, 0.10 and 0.20, and the last block neither scales nor rectifies.
Layers are initialised as PyTorch does; with the same weights the results are timm's. `se-inception-resnet-v2`
puts squeeze-and-excitation (Hu, Shen & Sun, CVPR 2018) on each residual before it is scaled, as that paper
does in residual networks: it has the weights of `inception-resnet-v2` and, called `se`, those of the gates.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pellucid.blocks.conv_norm_act import ConvNormAct
from pellucid.blocks.squeeze_excite import Attach, SqueezeExcite
from pellucid.models.shapes import picture_shape

SMALLEST = 75  # what the layers without border leave a pixel


class Branches(nn.ModuleList):
    """(b, c, h, w) → (b, c', h', w'): what each branch makes of the input, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], dim=1)


class Block(nn.Module):
    """(b, c, h, w) → the same: the branches' `mixed` channels become a residual of `channels`, `scale`d."""

    def __init__(
        self,
        branches: Branches,
        *,
        mixed: int,
        channels: int,
        scale: float,
        attach: Attach | None,
        rectify: bool = True,
    ) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            branches=branches, expand=nn.Conv2d(mixed, channels, 1)
        )
        if attach is not None:
            layers["se"] = attach(channels)
        self.residual = nn.Sequential(layers)
        self.scale = scale
        self.relu = nn.ReLU(inplace=True) if rectify else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.relu(self.scale * self.residual(x) + x)
        return output


def mixed5b() -> Branches:
    """(b, 192, h, w) → (b, 320, h, w)."""
    return Branches(
        [
            ConvNormAct(192, 96, 1),
            nn.Sequential(ConvNormAct(192, 48, 1), ConvNormAct(48, 64, 5, padding=2)),
            nn.Sequential(
                ConvNormAct(192, 64, 1),
                ConvNormAct(64, 96, 3, padding=1),
                ConvNormAct(96, 96, 3, padding=1),
            ),
            nn.Sequential(
                nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), ConvNormAct(192, 64, 1)
            ),
        ]
    )


def block35(attach: Attach | None) -> Block:
    """(b, 320, h, w) → the same; "Inception-ResNet-A"."""
    branches = Branches(
        [
            ConvNormAct(320, 32, 1),
            nn.Sequential(ConvNormAct(320, 32, 1), ConvNormAct(32, 32, 3, padding=1)),
            nn.Sequential(
                ConvNormAct(320, 32, 1), ConvNormAct(32, 48, 3, padding=1), ConvNormAct(48, 64, 3, padding=1)
            ),
        ]
    )
    return Block(branches, mixed=128, channels=320, scale=0.17, attach=attach)


def reduction_a() -> Branches:
    """(b, 320, h, w) → (b, 1088, h/2, w/2)."""
    return Branches(
        [
            ConvNormAct(320, 384, 3, stride=2),
            nn.Sequential(
                ConvNormAct(320, 256, 1),
                ConvNormAct(256, 256, 3, padding=1),
                ConvNormAct(256, 384, 3, stride=2),
            ),
            nn.MaxPool2d(3, stride=2),
        ]
    )


def block17(attach: Attach | None) -> Block:
    """(b, 1088, h, w) → the same; "Inception-ResNet-B"."""
    branches = Branches(
        [
            ConvNormAct(1088, 192, 1),
            nn.Sequential(
                ConvNormAct(1088, 128, 1),
                ConvNormAct(128, 160, (1, 7), padding=(0, 3)),
                ConvNormAct(160, 192, (7, 1), padding=(3, 0)),
            ),
        ]
    )
    return Block(branches, mixed=384, channels=1088, scale=0.10, attach=attach)


def reduction_b() -> Branches:
    """(b, 1088, h, w) → (b, 2080, h/2, w/2)."""
    return Branches(
        [
            nn.Sequential(ConvNormAct(1088, 256, 1), ConvNormAct(256, 384, 3, stride=2)),
            nn.Sequential(ConvNormAct(1088, 256, 1), ConvNormAct(256, 288, 3, stride=2)),
            nn.Sequential(
                ConvNormAct(1088, 256, 1),
                ConvNormAct(256, 288, 3, padding=1),
                ConvNormAct(288, 320, 3, stride=2),
            ),
            nn.MaxPool2d(3, stride=2),
        ]
    )


def block8(attach: Attach | None, *, scale: float = 0.20, rectify: bool = True) -> Block:
    """(b, 2080, h, w) → the same; "Inception-ResNet-C"."""
    branches = Branches(
        [
            ConvNormAct(2080, 192, 1),
            nn.Sequential(
                ConvNormAct(2080, 192, 1),
                ConvNormAct(192, 224, (1, 3), padding=(0, 1)),
                ConvNormAct(224, 256, (3, 1), padding=(1, 0)),
            ),
        ]
    )
    return Block(branches, mixed=448, channels=2080, scale=scale, attach=attach, rectify=rectify)


class InceptionResNetV2(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, outputs: int, attach: Attach | None = None) -> None:
        super().__init__()
        self.conv1a = ConvNormAct(channels, 32, 3, stride=2)
        self.conv2a = ConvNormAct(32, 32, 3)
        self.conv2b = ConvNormAct(32, 64, 3, padding=1)
        self.pool3a = nn.MaxPool2d(3, stride=2)
        self.conv3b = ConvNormAct(64, 80, 1)
        self.conv4a = ConvNormAct(80, 192, 3)
        self.pool5a = nn.MaxPool2d(3, stride=2)
        self.mixed5b = mixed5b()
        self.blocks35 = nn.Sequential(*(block35(attach) for _ in range(10)))
        self.reduction_a = reduction_a()
        self.blocks17 = nn.Sequential(*(block17(attach) for _ in range(20)))
        self.reduction_b = reduction_b()
        self.blocks8 = nn.Sequential(
            *(block8(attach) for _ in range(9)), block8(attach, scale=1.0, rectify=False)
        )
        self.conv7b = ConvNormAct(2080, 1536, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1536, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2b(self.conv2a(self.conv1a(x)))  # (b, 64, h/2, w/2)
        x = self.conv4a(self.conv3b(self.pool3a(x)))  # (b, 192, h/4, w/4)
        x = self.mixed5b(self.pool5a(x))  # (b, 320, h/8, w/8)
        x = self.blocks35(x)
        x = self.reduction_a(x)  # (b, 1088, h/16, w/16)
        x = self.blocks17(x)
        x = self.reduction_b(x)  # (b, 2080, h/32, w/32)
        x = self.blocks8(x)
        x = self.conv7b(x)  # (b, 1536, h/32, w/32)
        logits: Tensor = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        return logits


def _build(attach: Attach | None = None, *, inputs: tuple[int, ...], outputs: int) -> InceptionResNetV2:
    channels, _, _ = picture_shape(inputs, smallest=SMALLEST)
    return InceptionResNetV2(channels=channels, outputs=outputs, attach=attach)


_STAGES = {
    "mixed_5b": "mixed5b",
    "repeat": "blocks35",
    "mixed_6a": "reduction_a",
    "repeat_1": "blocks17",
    "mixed_7a": "reduction_b",
    "repeat_2": "blocks8",
    "block8": "blocks8.9",
    "classif": "fc",
}


def renamed(name: str) -> str:
    """timm's name of a weight of `inception_resnet_v2` → ours."""
    stage, _, rest = name.partition(".")
    stage = _STAGES.get(stage, stage.replace("conv2d_", "conv"))
    path = f"{stage}.{rest}".replace(".conv2d.", ".residual.expand.")
    branches = r"\1residual.branches.\2." if stage.startswith("blocks") else r"\1\2."
    return re.sub(r"^(.*\.)branch(\d)\.", branches, path)


PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {
    "inception-resnet-v2": {"timm/inception_resnet_v2": renamed}
}

VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "inception-resnet-v2": _build,
    "se-inception-resnet-v2": partial(_build, SqueezeExcite),
}

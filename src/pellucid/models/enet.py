"""ENet: segmentation in real time, 0.36 million parameters.

Paszke, Chaurasia, Kim & Culurciello, "ENet: a deep neural network architecture for real-time semantic
segmentation", 2016 (arXiv:1606.02147), table 1 and figure 2.

The picture is made small at once, since most of the work is done on large maps. Bottlenecks, beside a
shortcut that pools or unpools, then look around: plainly, with holes (dilation 2 to 16), or along one axis
and then the other. The way up is short, and puts values back where the pooling had found the maxima.

Where we deviate: nowhere from the weights that davidtvs/PyTorch-ENet publishes for CamVid (`renamed` brings
their names to ours): poolings of 3×3 that overlap, PReLU also on the way up, with one slope for all channels
within a bottleneck, and no biases. Sides that are no multiples of 8 are padded with zeros, whose results are
cut off.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.models.shapes import picture_shape
from pellucid.ops.maps import unpooled
from pellucid.types.errors import InputError

STRIDE = 8
NARROWING = 4

Look = Callable[[int], nn.Module]
"""channels → what looks around within a bottleneck, (b, c, h, w) → (b, c, h, w)."""


def unit(conv: nn.Module, channels: int) -> nn.Sequential:
    """A convolution, batch norm, and PReLU with one slope."""
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.PReLU())


def branch(reduce: nn.Conv2d, main: nn.Module, outputs: int, dropout: float) -> nn.Sequential:
    """(b, c, …) → (b, c', …): `reduce` to a few channels, `main`, which looks around, a 1×1 convolution back,
    and dropout of whole channels.
    """
    width = reduce.out_channels
    return nn.Sequential(
        OrderedDict(
            reduce=unit(reduce, width),
            main=main,
            expand=unit(nn.Conv2d(width, outputs, 1, bias=False), outputs),
            dropout=nn.Dropout2d(dropout),
        )
    )


def plain(width: int, *, dilation: int = 1) -> nn.Module:
    conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
    return unit(conv, width)


def asymmetric(width: int) -> nn.Module:
    """5×1 and then 1×5."""
    return nn.Sequential(
        *unit(nn.Conv2d(width, width, (5, 1), padding=(2, 0), bias=False), width),
        *unit(nn.Conv2d(width, width, (1, 5), padding=(0, 2), bias=False), width),
    )


class Initial(nn.Module):
    """(b, c, h, w) → (b, k, h/2, w/2): a convolution beside a pooling."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs - channels, 3, stride=2, padding=1, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.act(self.bn(torch.cat([self.conv(x), self.pool(x)], 1)))
        return output


class Regular(nn.Module):
    """(b, c, h, w) → the same: a bottleneck around `look`, beside the identity."""

    def __init__(self, channels: int, look: Look, *, dropout: float) -> None:
        super().__init__()
        width = channels // NARROWING
        reduce = nn.Conv2d(channels, width, 1, bias=False)
        self.branch = branch(reduce, look(width), channels, dropout)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.act(x + self.branch(x))
        return output


class Down(nn.Module):
    """(b, c, h, w) → (b, c', h/2, w/2) and the switches (b, c, h/2, w/2) of its pooling."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        width = inputs // NARROWING
        reduce = nn.Conv2d(inputs, width, 2, stride=2, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1, return_indices=True)
        self.branch = branch(reduce, plain(width), outputs, dropout)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled, switches = self.pool(x)
        residual = self.branch(x)
        lacking = residual.shape[1] - pooled.shape[1]
        return self.act(F.pad(pooled, (0, 0, 0, 0, 0, lacking)) + residual), switches


class Up(nn.Module):
    """(b, c, h, w) and switches (b, c', h, w) → (b, c', 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        width = inputs // NARROWING
        spread = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        reduce = nn.Conv2d(inputs, width, 1, bias=False)
        self.branch = branch(reduce, unit(spread, width), outputs, dropout)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        residual = self.branch(x)
        height, width = residual.shape[-2:]
        output: Tensor = self.act(unpooled(self.shortcut(x), switches, (height, width)) + residual)
        return output


class ENet(nn.Module):
    """(b, c, h, w) → (b, k, h, w). The stages are those of the paper's table 1."""

    def __init__(self, *, channels: int, outputs: int) -> None:
        super().__init__()
        looks: list[Look] = [plain, *(partial(plain, dilation=rate) for rate in (2, 4, 8, 16))]
        round_about: list[Look] = [looks[1], asymmetric, looks[2], plain, looks[3], asymmetric, looks[4]]

        def stage(channels: int, kinds: list[Look], *, dropout: float) -> nn.Sequential:
            return nn.Sequential(*(Regular(channels, look, dropout=dropout) for look in kinds))

        self.canvas = ZeroCanvas(STRIDE)
        self.initial = Initial(channels, 16)
        self.down1 = Down(16, 64, dropout=0.01)
        self.stage1 = stage(64, [plain] * 4, dropout=0.01)
        self.down2 = Down(64, 128, dropout=0.1)
        self.stage2 = stage(128, [plain, *round_about], dropout=0.1)
        self.stage3 = stage(128, [plain, *round_about], dropout=0.1)
        self.up4 = Up(128, 64, dropout=0.1)
        self.stage4 = stage(64, [plain] * 2, dropout=0.1)
        self.up5 = Up(64, 16, dropout=0.1)
        self.stage5 = stage(16, [plain], dropout=0.1)
        self.head = nn.ConvTranspose2d(16, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.initial(self.canvas(x))  # (b, 16, h/2, w/2)
        x, first = self.down1(x)
        x, second = self.down2(self.stage1(x))
        x = self.stage3(self.stage2(x))  # (b, 128, h/8, w/8)
        x = self.stage4(self.up4(x, second))
        x = self.stage5(self.up5(x, first))  # (b, 16, h/2, w/2)
        logits: Tensor = self.head(x)[..., :height, :width]
        return logits


def enet(*, inputs: tuple[int, ...], outputs: int) -> ENet:
    channels, _, _ = picture_shape(inputs)
    if channels > 15:
        raise InputError(f"ENet takes pictures of up to 15 channels, these have {channels}")
    return ENet(channels=channels, outputs=outputs)


_TOP = {"initial_block": "initial", "transposed_conv": "head"}
_WITHIN = (
    (r"\.main_branch\.", ".conv."),
    (r"\.batch_norm\.", ".bn."),
    (r"\.out_prelu\.", ".act."),
    (r"\.main_conv1\.", ".shortcut."),
    (r"\.ext_conv1\.", ".branch.reduce."),
    (r"\.ext_conv2\.", ".branch.main."),
    (r"\.ext_conv3\.", ".branch.expand."),
)


def renamed(name: str) -> str:
    """davidtvs/PyTorch-ENet's name of a weight → ours: its `dilated2_4` is our `stage2.3`."""
    top, _, rest = name.partition(".")
    kind, stage, place = re.fullmatch(r"([a-z]+)(\d)_(\d)|.*", top).groups()  # type: ignore[union-attr]
    if kind in ("downsample", "upsample"):
        top = f"{kind.removesuffix('sample')}{stage}"
    elif kind:
        top = f"stage{stage}.{int(place) - (stage != '3')}"
    name = f"{_TOP.get(top, top)}.{rest}"
    for theirs, own in _WITHIN:
        name = re.sub(theirs, own, name)
    return name


PUBLISHED: dict[str, dict[str, Callable[[str], str]]] = {"enet": {"davidtvs/PyTorch-ENet": renamed}}

VARIANTS: dict[str, Callable[..., nn.Module]] = {"enet": enet}

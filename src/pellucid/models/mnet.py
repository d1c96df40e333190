"""M-Net: a U-Net with two more legs, a pyramid of pictures on the left and one of answers on the right.

Fu, Cheng, Xu, Wong, Liu & Cao, "Joint optic disc and cup segmentation based on multi-label deep network and
polar transformation", IEEE TMI 2018 (arXiv:1801.00926), figure 2; the name and the legs from Mehta &
Sivaswamy, "M-net: a convolutional neural network for deep brain structure segmentation", ISBI 2017.

The left leg gives every size of the way down the picture in that size, so that deep maps have not forgotten
it. The right leg classifies every size of the way up; what they say is scaled to the picture's size, and
the mean is the answer. In training each of them is judged on its own as well (deep supervision), so that deep
layers learn at once.

Where we deviate: blocks are residual, with squeeze-and-excitation (Hu, Shen & Sun, CVPR 2018), where the
paper has two plain convolutions; answers are k logits for a softmax instead of one sigmoid a label. The polar
transformation is a matter of the data. Pictures are padded with zeros to multiples of 16, and the results
cut. A number at the end is the first block's channels, 32 as published.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.models.resnet import BasicBlock
from pellucid.models.shapes import picture_shape
from pellucid.models.unet import gate

STRIDE = 16


def block(inputs: int, outputs: int) -> nn.Module:
    return BasicBlock(inputs, outputs, 1, attach=gate)


def reading(channels: int, outputs: int) -> nn.Module:
    """What the left leg makes of a picture."""
    return nn.Sequential(nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(inplace=True))


class MNet(nn.Module):
    """(b, c, h, w) → (b, k, h, w); in training (that, and what each size says, from the smallest (b, k, h/8,
    w/8) of the padded picture to the largest).
    """

    def __init__(self, *, width: int, channels: int, outputs: int) -> None:
        super().__init__()
        one, two, three, four, five = (width * 2**level for level in range(5))
        self.canvas = ZeroCanvas(STRIDE)
        self.halve = nn.AvgPool2d(2)
        self.pool = nn.MaxPool2d(2)
        self.left = nn.ModuleList(reading(channels, each) for each in (two, three, four))
        self.down = nn.ModuleList(
            [
                block(channels, one),
                block(one + two, two),
                block(two + three, three),
                block(three + four, four),
            ]
        )
        self.middle = block(four, five)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * each, each, 2, stride=2) for each in (four, three, two, one)
        )
        self.merge = nn.ModuleList(block(2 * each, each) for each in (four, three, two, one))
        self.right = nn.ModuleList(nn.Conv2d(each, outputs, 1) for each in (four, three, two, one))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        height, width = x.shape[-2:]
        picture = self.canvas(x)
        sides = picture.shape[-2:]
        x = self.down[0](picture)
        kept = [x]
        for read, narrow in zip(self.left, self.down[1:], strict=True):
            picture = self.halve(picture)
            x = narrow(torch.cat([read(picture), self.pool(x)], 1))
            kept.append(x)
        x = self.middle(self.pool(x))  # (b, 16 width, h/16, w/16)
        said = []
        for up, merge, right in zip(self.up, self.merge, self.right, strict=True):
            x = merge(torch.cat([up(x), kept.pop()], 1))
            said.append(right(x))
        scaled = [F.interpolate(each, size=sides, mode="bilinear") for each in said]
        logits = torch.stack(scaled).mean(0)[..., :height, :width]
        return (logits, *said) if self.training else logits


def _build(width: int = 32, *, inputs: tuple[int, ...], outputs: int) -> MNet:
    channels, _, _ = picture_shape(inputs)
    return MNet(width=width, channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "mnet": _build,
    **{f"mnet-{width}": partial(_build, width) for width in (16, 8)},
}

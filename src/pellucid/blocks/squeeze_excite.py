"""Squeeze-and-excitation: each channel is weighed by what all channels hold on the whole map.

Hu, Shen & Sun, "Squeeze-and-excitation networks", CVPR 2018 (arXiv:1709.01507), section 3.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

REDUCTION = 16

Attach = Callable[[int], nn.Module]
"""channels → what a block's maps pass, (b, c, h, w) → (b, c, h, w); where in the block, its file says."""


def nothing(channels: int) -> nn.Module:
    return nn.Identity()


class SqueezeExcite(nn.Module):
    """(b, c, h, w) → (b, c, h, w): the maps' means pass a bottleneck of `squeezed` units, by default c / 16,
    and come back as a factor in (0, 1) for each channel.
    """

    def __init__(self, channels: int, *, squeezed: int | None = None) -> None:
        super().__init__()
        hidden = max(1, channels // REDUCTION) if squeezed is None else squeezed
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(hidden, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        factors: Tensor = self.sigmoid(self.fc2(self.relu(self.fc1(self.pool(x)))))  # (b, c, 1, 1)
        return x * factors

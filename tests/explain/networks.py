"""Small networks that the tests of explanations share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Small(nn.Module):
    """Convolutions with batch norm, an in-place rectifier used twice, a residual sum, max and mean pooling:
    everything that a residual network does, in functions and in modules. Its statistics are not 0 and 1.
    """

    def __init__(self, classes: int = 5, channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv1 = nn.Conv2d(channels, 6, 3, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(6)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
            self.norm2 = nn.BatchNorm2d(6)
            self.head = nn.Linear(6, classes)
            for norm in (self.norm1, self.norm2):
                norm.running_mean = torch.randn(6) * 0.3
                norm.running_var = torch.rand(6) + 0.5
                nn.init.normal_(norm.weight, 1.0, 0.3)
                nn.init.normal_(norm.bias, 0.0, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.relu(self.norm1(self.conv1(x))), 2)
        y = self.norm2(self.conv2(x))
        y += x
        out: Tensor = self.head(F.relu(y).mean((2, 3)))
        return out


class Plain(nn.Module):
    """Convolution, rectifier, convolution, rectifier, mean, dense; without biases."""

    def __init__(self, activation: nn.Module | None = None, seed: int = 0, *, bias: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv1 = nn.Conv2d(3, 5, 3, padding=1, bias=bias)
            self.conv2 = nn.Conv2d(5, 4, 3, stride=2, bias=bias)
            self.head = nn.Linear(4, 5, bias=bias)
        self.activation = activation or nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.conv2(self.activation(self.conv1(x))))
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def pictures(count: int = 2, size: int = 10, channels: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(seed))

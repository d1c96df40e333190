"""Small networks with everything that makes explaining hard, and their pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer


class Averaged(nn.Module):
    """Batch norm, in-place ReLUs of which one runs twice, an in-place sum, averaging, one linear layer."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        y = 2 * self.relu(x.clone())
        y += self.relu(x)
        out: Tensor = self.fc(self.dropout(self.body(y).mean((2, 3))))
        return out


def flattened() -> nn.Sequential:
    """As VGG: pooled at the end, and several linear layers."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 10),
        nn.ReLU(),
        nn.Linear(10, 5),
    )


def transformer() -> nn.Module:
    return VisionTransformer(16, 4, 2, 2, 16, 32, num_classes=5)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "averaged": Averaged,
    "flattened": flattened,
    "transformer": transformer,
}


def made(name: str, seed: int = 0) -> nn.Module:
    """The network with weights that are nowhere zero, and statistics that are not the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = NETWORKS[name]()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.3)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
    return model.eval()


@pytest.fixture(scope="session")
def make() -> Callable[..., nn.Module]:
    """`make(name, seed)` is a network of `NETWORKS`; `make()` their names."""
    return lambda name=None, seed=0: tuple(NETWORKS) if name is None else made(name, seed)


@pytest.fixture
def averaged() -> nn.Module:
    return made("averaged")


@pytest.fixture
def flat() -> nn.Module:
    return made("flattened")


@pytest.fixture
def vit() -> nn.Module:
    return made("transformer")


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))

"""A tiny learnable world, so that training tests take milliseconds."""

import pytest
import torch

from pellucid.data.source import Data
from pellucid.data.tensors import InMemory
from pellucid.tasks.classification import ClassificationSettings
from pellucid.types.data_info import DataInfo, Preprocessing


def tiny_data(train: int = 64, test: int = 23, classes: int = 3, side: int = 8) -> Data:
    """Pictures whose brightest third says their class."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> InMemory:
        labels = torch.arange(count) % classes
        pictures = torch.randint(0, 120, (count, 1, side, side), generator=generator, dtype=torch.uint8)
        for index, label in enumerate(labels.tolist()):
            pictures[index, 0, :, label * side // classes : (label + 1) * side // classes] += 120
        return InMemory(pictures, labels)

    counts = {"train": train, "test": test}
    info = DataInfo(
        name="tiny",
        shape=(1, side, side),
        classes=tuple("abc"[:classes]),
        counts=counts,
        class_counts=tuple((torch.arange(train) % classes).bincount(minlength=classes).tolist()),
        preprocessing=Preprocessing(mean=(0.4,), std=(0.25,), channels="L"),
        fingerprint="0" * 64,
    )
    return Data(info, {name: split(count) for name, count in counts.items()})


@pytest.fixture
def data() -> Data:
    return tiny_data()


@pytest.fixture
def task(data):
    return ClassificationSettings().build(data.info)


@pytest.fixture
def model() -> torch.nn.Module:
    """Convolution, normalisation, dense layers: something of everything an optimiser sorts."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 16),
        torch.nn.ReLU(),
        torch.nn.Linear(16, 3),
    )

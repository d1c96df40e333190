"""Our networks against published parameter counts and published weights."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.inspection.cost import parameter_count
from pellucid.models.naming import build_model
from pellucid.models.resnet_cifar import Block
from pellucid.models.weights import load_weights

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"

PARAMETERS = {
    ("lenet5", (1, 32, 32), 10): 61_706,
    ("lenet5", (1, 28, 28), 10): 61_706,
    ("lenet5", (3, 32, 32), 10): 62_006,
    ("cifar-resnet20", (3, 32, 32), 10): 269_722,
    ("cifar-resnet32", (3, 32, 32), 10): 464_154,
    ("cifar-resnet44", (3, 32, 32), 10): 658_586,
    ("cifar-resnet56", (3, 32, 32), 10): 853_018,
    ("cifar-resnet110", (3, 32, 32), 10): 1_727_962,
    ("cifar-resnet1202", (3, 32, 32), 10): 19_421_274,
    ("perceptron", (1, 28, 28), 10): 7_850,
    ("mlp", (64,), 10): 9_610,
}


@pytest.mark.parametrize(("name", "inputs", "outputs"), PARAMETERS)
def test_published_parameter_counts(name: str, inputs: tuple[int, ...], outputs: int) -> None:
    with torch.device("meta"):
        model = build_model(name, inputs=inputs, outputs=outputs)
    assert parameter_count(model) == PARAMETERS[name, inputs, outputs]


def test_evaluation_before_training_is_as_in_training() -> None:
    """Of 110 layers, which with running variances of one give hundreds of millions."""
    torch.manual_seed(0)
    model = build_model("cifar-resnet110", inputs=(3, 32, 32), outputs=10)
    firsts = [module.bn1 for module in model.modules() if isinstance(module, Block)]
    begun = [norm.running_var.clone() for norm in firsts]
    for norm in firsts:
        norm.momentum = 1.0
    with torch.no_grad():
        model(torch.randn(8, 3, 16, 16))
    for before, norm in zip(begun, firsts, strict=True):
        assert 0.2 < norm.running_var.mean() / before[0] < 1.5


@pytest.mark.slow
def test_a_thousand_layers_give_numbers_before_training() -> None:
    torch.manual_seed(0)
    model = build_model("cifar-resnet1202", inputs=(3, 32, 32), outputs=10).eval()
    with torch.no_grad():
        assert 0.01 < model(torch.randn(4, 3, 16, 16)).std() < 100


def cifar() -> tuple[Tensor, Tensor]:
    path = DATA / "cifar10_lossless" / "cifar10_lossless.npz"
    if not path.exists():
        pytest.skip("the CIFAR-10 pictures are not beside the checkout")
    with np.load(path) as arrays:
        pictures, labels = torch.from_numpy(arrays["x_test"]), torch.from_numpy(arrays["y_test"])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (pictures / 255 - mean[:, None, None]) / std[:, None, None], labels


@pytest.mark.parametrize(
    ("name", "file", "accuracy"),
    [("cifar-resnet20", "resnet20-12fca82f.th", 0.915), ("cifar-resnet32", "resnet32-d509ac18.th", 0.928)],
)
def test_published_cifar_weights(name: str, file: str, accuracy: float) -> None:
    pictures, labels = cifar()
    model = build_model(name, inputs=(3, 32, 32), outputs=10).eval()
    load_weights(model, DATA / "weights" / file)
    with torch.inference_mode():
        found = torch.cat([model(part).argmax(1) for part in pictures.split(250)])
    correct = int((found == labels).sum())
    assert correct / len(labels) == pytest.approx(accuracy, abs=0.001)


def test_published_mnist_weights() -> None:
    """A LeNet-5 trained elsewhere on digits resized to 32×32 reaches its 99.08 % here."""
    folder = DATA / "mnist" / "MNIST" / "raw"
    if not folder.exists():
        pytest.skip("MNIST is not beside the checkout")
    raw = np.frombuffer(
        gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
    )
    labels = np.frombuffer(
        gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
    )
    pictures = torch.from_numpy(raw.reshape(-1, 1, 28, 28).copy()) / 255
    pictures = F.interpolate(pictures, size=(32, 32), mode="bilinear", antialias=True)
    weights = torch.load(DATA / "weights" / "lenet5_mnist.pth", weights_only=True)
    model = build_model("lenet5", inputs=(1, 32, 32), outputs=10).eval()
    names = {"convnet.": "", "fc.f6": "f6", "fc.f7": "output"}
    for theirs, ours in names.items():
        weights = {name.replace(theirs, ours): weight for name, weight in weights.items()}
    model.load_state_dict(weights)
    with torch.inference_mode():
        found = model(pictures).argmax(1).numpy()
    assert (found == labels).mean() == pytest.approx(0.9908, abs=0.0002)

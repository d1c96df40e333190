"""Our networks against torchvision's, published parameter counts and published weights."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.naming import build_model
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
    ("resnet18", (3, 224, 224), 1000): 11_689_512,
    ("perceptron", (1, 28, 28), 10): 7_850,
    ("mlp", (64,), 10): 9_610,
}


@pytest.mark.parametrize(("name", "inputs", "outputs"), PARAMETERS)
def test_published_parameter_counts(name: str, inputs: tuple[int, ...], outputs: int) -> None:
    with torch.device("meta"):
        model = build_model(name, inputs=inputs, outputs=outputs)
    assert parameter_count(model) == PARAMETERS[name, inputs, outputs]


def test_resnet18_costs_what_torchvision_says() -> None:
    with torch.device("meta"):
        model = build_model("resnet18", inputs=(3, 224, 224), outputs=1000)
    assert multiply_adds(model, (3, 224, 224)) == pytest.approx(1.814e9, abs=0.0005e9)


@pytest.mark.parametrize("size", [(64, 64), (47, 70)])
def test_resnet18_is_torchvisions(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=9)
    ours = build_model("resnet18", inputs=(3, *size), outputs=9)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 3, *size)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)  # in training mode
    ours(x).sum().backward()
    theirs(x).sum().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(
            p.grad, q.grad, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-5)  # and its statistics


def test_resnet18_begins_as_torchvisions() -> None:
    """Every tensor starts with the same spread: the initialisation is the same."""
    torch.manual_seed(0)
    ours = build_model("resnet18", inputs=(3, 64, 64), outputs=9).state_dict()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=9).state_dict()
    for name, weight in theirs.items():
        torch.testing.assert_close(
            ours[name].float().std(correction=0), weight.float().std(correction=0), rtol=0.05, atol=1e-6
        )


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

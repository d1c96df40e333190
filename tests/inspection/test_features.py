"""Vectors of layers, and maps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from pellucid.inspection import projection
from pellucid.inspection.features import feature_layers, features, last_features
from pellucid.inspection.projection import project
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def batches(count: int = 10, size: int = 4) -> list[Batch]:
    inputs = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return [
        Batch(inputs[i : i + size], torch.empty(0), torch.arange(i, min(i + size, count)))
        for i in range(0, count, size)
    ]


def test_a_map_is_averaged_and_the_network_left_as_it_was() -> None:
    model = resnet18(num_classes=5).train()
    before = model.bn1.running_mean.clone()
    found = features(model, "layer2.0", batches())
    assert model.training
    assert torch.equal(model.bn1.running_mean, before)
    with torch.no_grad():
        x = batches(10, 10)[0].inputs
        model.eval()
        expected = model.layer2[0](model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(x))))))
    torch.testing.assert_close(found.vectors, expected.mean((2, 3)), rtol=1e-3, atol=1e-4)
    assert found.indices.tolist() == list(range(10))


def test_layers_worth_comparing() -> None:
    model, x = resnet18(num_classes=5), torch.randn(2, 3, 32, 32)
    few = feature_layers(model, x)
    assert few[:5] == ("conv1", "bn1", "relu", "maxpool", "layer1.0")
    assert few[-2:] == ("avgpool", "fc")
    assert len(few) == 14
    assert feature_layers(model, x, most=10) == (
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
        "avgpool",
        "fc",
    )
    assert last_features(model, x) == "avgpool"
    assert last_features(nn.Sequential(nn.Flatten(), nn.Linear(3072, 4)), x) == "1"


def groups(d: int = 20) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    return (8 * random.normal(size=(3, d))[labels] + random.normal(size=(90, d))).astype(np.float32), labels


@pytest.mark.parametrize("method", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_groups_stay_groups(method: str) -> None:
    if method == "umap":
        pytest.importorskip("umap")
    vectors, labels = groups()
    found = project(vectors, method, seed=3)
    assert found.places.shape == (90, 2)
    apart = ((found.places[:, None] - found.places) ** 2).sum(2) + 1e9 * np.eye(90)
    assert (labels[apart.argmin(1)] == labels).mean() > 0.95
    assert np.array_equal(found.places, project(vectors, method, seed=3).places)


def test_pca_is_that_of_the_covariance() -> None:
    vectors, _ = groups(5)
    found = project(vectors)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    np.testing.assert_allclose(np.cov(found.places.T), np.diag(values[[-1, -2]]), atol=1e-3)
    expected = (vectors - vectors.mean(0)) @ axes[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(found.places), np.abs(expected), atol=1e-3)
    assert found.notes == (
        f"the two axes hold {100 * values[-2:].sum() / values.sum():.0f} % of the variance",
    )
    assert np.array_equal(project(vectors[:, :1]).places[:, 1], np.zeros(90)), "one number has one axis"


def test_what_cannot_be_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = groups()
    with pytest.raises(InputError, match="did you mean 'tsne'"):
        project(vectors, "t-sne")
    with pytest.raises(InputError, match="three samples"):
        project(vectors[:2])
    with pytest.raises(InputError, match="not all finite"):
        project(np.where(vectors == vectors[0, 0], np.nan, vectors))

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(projection, "import_module", missing)
    with pytest.raises(InputError, match="pip install"):
        project(vectors, "umap")
    with pytest.raises(InputError, match="there is none"):
        features(nn.Flatten(), "", [])

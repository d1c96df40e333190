"""What each layer keeps of content and style."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from pellucid.models.naming import build_model
from pellucid.models.weights import save_weights
from pellucid.studies.style_layers import StyleLayersStudy
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError


def test_a_shallow_layer_keeps_more_of_the_content(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=3)
    seen = Preprocessing((0.5,) * 3, (0.2,) * 3, size=(32, 32))
    weights = tmp_path / "w.safetensors"
    save_weights(model, weights, preprocessing=seen, classes=("a", "b", "c"), name="w")
    values = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    pixels = (nn.functional.interpolate(values, 32)[0] * 255).byte().permute(1, 2, 0)
    picture = tmp_path / "picture.png"
    Image.fromarray(pixels.numpy()).save(picture)
    study = StyleLayersStudy(picture, picture, "cifar-resnet8", str(weights), side=32, steps=20)
    found = study.run()
    first, *_, last = found.numbers["found"]
    assert first["content error"] < last["content error"]
    assert len(found.figure.panels) == 2 * (1 + len(found.table.rows))


def test_pictures_are_asked_for() -> None:
    with pytest.raises(InputError, match="--content FILE"):
        StyleLayersStudy().run()

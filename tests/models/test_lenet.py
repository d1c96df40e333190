"""How LeNet-5 takes pictures of any size."""

from __future__ import annotations

import pytest
import torch

from pellucid.models.lenet import to_32


def test_28_pixels_are_centred_on_their_own_border() -> None:
    x = torch.zeros(1, 1, 28, 28)
    x[..., 0, 5] = 1.0
    y = to_32(28, 28)(x)
    assert torch.equal(y[..., 2:30, 2:30], x)
    assert y[0, 0, :3, 7].tolist() == [1.0, 1.0, 1.0]
    assert y.sum() == 3.0


@pytest.mark.parametrize(("height", "width"), [(32, 32), (28, 31), (8, 8), (64, 40), (20, 32), (100, 10)])
def test_every_size_becomes_32(height: int, width: int) -> None:
    x = torch.linspace(0, 1, width).expand(1, 2, height, width)
    y = to_32(height, width)(x)
    assert y.shape == (1, 2, 32, 32)
    assert y.mean() == pytest.approx(0.5, abs=0.02)  # what was a ramp still is one
    assert (y.diff(dim=3) >= -1e-6).all()

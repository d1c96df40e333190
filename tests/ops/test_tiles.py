import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pellucid.ops.tiles import spans, tiled
from pellucid.types.errors import InputError


def network(stride: int) -> nn.Module:
    """Looks 2 pixels far, and for stride 2 a pooling and up-sampling more: 6."""
    torch.manual_seed(stride)
    convolutions = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1)]
    if stride == 1:
        return nn.Sequential(*convolutions).double()
    return nn.Sequential(
        convolutions[0], nn.MaxPool2d(2), convolutions[2], nn.Upsample(scale_factor=2)
    ).double()


@given(st.integers(10, 70), st.integers(10, 70), st.integers(13, 24), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_tiles_give_what_the_whole_gives(height, width, tile, overlap, seed):
    inputs = torch.randn(
        2, 2, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    model = network(1)
    with torch.no_grad():
        torch.testing.assert_close(tiled(model, inputs, tile=tile, overlap=overlap), model(inputs))


@given(st.integers(6, 30), st.integers(6, 30), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_tiles_keep_a_networks_grid(height, width, seed):
    inputs = torch.randn(
        1, 2, 2 * height, 2 * width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    model = network(2)
    with torch.no_grad():
        torch.testing.assert_close(tiled(model, inputs, tile=20, overlap=6), model(inputs))


@given(st.integers(1, 200), st.integers(5, 60), st.integers(0, 20))
@settings(deadline=None)
def test_each_pixel_is_kept_once(extent, tile, overlap):
    if tile - 2 * overlap < 1:
        with pytest.raises(InputError, match="cannot overlap"):
            spans(extent, tile, overlap)
        return
    kept = [place for _, _, first, last in spans(extent, tile, overlap) for place in range(first, last)]
    assert kept == list(range(extent))
    for start, stop, first, last in spans(extent, tile, overlap):
        assert start <= first < last <= stop <= extent
        assert stop - start <= tile
        assert start == 0 or first - start >= overlap
        assert stop == extent or stop - last >= overlap


def test_too_little_overlap_is_seen():
    inputs = torch.randn(1, 2, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = network(1)
    with torch.no_grad():
        assert not torch.allclose(tiled(model, inputs, tile=16, overlap=1), model(inputs))

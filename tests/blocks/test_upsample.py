"""Up-samplings against torch's own, the size formula, and what sub-pixel convolutions begin as."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pellucid.blocks.upsample import UPSAMPLINGS, SubPixel, Unpooling, transposed_size
from pellucid.ops.maps import mirrored, padded, unpooled


@given(
    size=st.integers(1, 9),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_the_size_formula_is_torchs(
    size: int, kernel: int, stride: int, padding: int, dilation: int, data: st.DataObject
) -> None:
    more = data.draw(st.integers(0, max(stride, dilation) - 1))
    expected = transposed_size(
        size, kernel=kernel, stride=stride, padding=padding, output_padding=more, dilation=dilation
    )
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, output_padding=more, dilation=dilation)
    if expected > 0:
        assert layer(torch.zeros(1, 1, size)).shape[-1] == expected
    else:
        with pytest.raises(RuntimeError, match=r"too small|should be greater"):
            layer(torch.zeros(1, 1, size))


@pytest.mark.parametrize("name", UPSAMPLINGS)
@pytest.mark.parametrize("size", [(1, 1), (4, 7)])
def test_each_doubles_a_map(name: str, size: tuple[int, int]) -> None:
    height, width = size
    block, x = UPSAMPLINGS[name](6, 3), torch.randn(2, 6, height, width)
    pooled, switches = F.max_pool2d(torch.randn(2, 3, 2 * height, 2 * width), 2, return_indices=True)
    assert pooled.shape[2:] == size
    output = block(x, switches)
    assert output.shape == (2, 3, 2 * height, 2 * width)
    output.square().sum().backward()
    assert all(parameter.grad.any() for parameter in block.parameters())


def test_sub_pixels_begin_as_nearest_neighbours() -> None:
    torch.manual_seed(0)
    block, x = SubPixel(4, 3), torch.randn(2, 4, 5, 6)
    with torch.no_grad():
        one = nn.Conv2d(4, 3, 3, padding=1)
        one.weight.copy_(block.conv.weight[::4])
        one.bias.copy_(block.conv.bias[::4])
        torch.testing.assert_close(block(x, x), F.interpolate(one(x), scale_factor=2, mode="nearest"))


@pytest.mark.parametrize("size", [(8, 6), (7, 9)])
def test_unpooling_is_torchs(size: tuple[int, int]) -> None:
    pooled, switches = F.max_pool2d(torch.randn(2, 3, *size), 2, return_indices=True)
    values = torch.randn_like(pooled).requires_grad_()
    expected = F.max_unpool2d(values, switches, 2, output_size=size)
    assert torch.equal(unpooled(values, switches, size), expected)
    (ours,) = torch.autograd.grad(unpooled(values, switches, size).square().sum(), values)
    torch.testing.assert_close(ours, 2 * values)


def test_unpooling_takes_half_precision() -> None:
    pooled, switches = F.max_pool2d(torch.randn(1, 2, 4, 4), 2, return_indices=True)
    assert unpooled(pooled.bfloat16(), switches, (4, 4)).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert Unpooling(4, 2)(torch.randn(1, 4, 2, 2), switches).isfinite().all()


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.integers(1, 16), least=st.integers(1, 4)
)
@settings(max_examples=40, deadline=None)
def test_padding_is_the_least_that_fits(height: int, width: int, multiple: int, least: int) -> None:
    x = torch.randn(1, 1, height, width)
    found = padded(x, multiple, least=least * multiple)
    for side, before in zip(found.shape[2:], (height, width), strict=True):
        assert side % multiple == 0
        assert side == least * multiple or side - before < multiple
    assert torch.equal(found[..., :height, :width], x)
    assert found.count_nonzero() == x.count_nonzero()


@pytest.mark.parametrize("before", [0, 3])
def test_mirrors_are_torchs_reflection(before: int) -> None:
    x = torch.randn(2, 1, 5, 7)
    expected = F.pad(x, (before, 4, before, 2), mode="reflect")
    assert torch.equal(mirrored(x, before=before, height=before + 7, width=before + 11), expected)


def test_mirrors_face_each_other() -> None:
    """Pictures that are smaller than their surroundings are mirrored again and again."""
    x = torch.tensor([1.0, 2, 3]).reshape(1, 1, 1, 3)
    found = mirrored(x, before=5, height=2, width=11)
    assert found[0, 0].tolist() == [[2.0, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2]] * 2

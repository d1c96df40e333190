"""Kernels and how they slide: scipy's filters, torch's sizes, and the costs that torch counts."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid.ops.filters import KERNELS, SIZED, Sliding, filtered, kernel_of
from pellucid.types.errors import InputError


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.rand(1, 2, 20, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", KERNELS)
def test_filters_are_scipy_s_correlation(name: str, picture: torch.Tensor) -> None:
    kernel = kernel_of(name, 5 if name in SIZED else 3)
    found = filtered(picture, kernel, Sliding(padding=len(kernel) // 2))
    for channel in range(2):
        expected = scipy.ndimage.correlate(
            picture[0, channel].numpy(), kernel.double().numpy(), mode="constant"
        )
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-6)


def test_named_kernels_are_scipy_s_own(picture: torch.Tensor) -> None:
    inner = (slice(2, -2), slice(2, -2))
    own = picture[0, 0].numpy()
    for name, filter in (
        ("sobel-x", lambda x: scipy.ndimage.sobel(x, 1)),
        ("sobel-y", lambda x: scipy.ndimage.sobel(x, 0)),
        ("laplacian", scipy.ndimage.laplace),
        ("box", lambda x: scipy.ndimage.uniform_filter(x, 3)),
    ):
        found = filtered(picture, kernel_of(name), Sliding(padding=1))[0, 0].numpy()
        np.testing.assert_allclose(found[inner], filter(own)[inner], atol=1e-6, err_msg=name)
    blurred = filtered(picture, kernel_of("gaussian", 7), Sliding(padding=3))[0, 0].numpy()
    expected = scipy.ndimage.gaussian_filter(own, 7 / 6, radius=3)
    np.testing.assert_allclose(blurred[3:-3, 3:-3], expected[3:-3, 3:-3], atol=1e-6)


def test_averages_add_to_one_and_edges_to_nothing() -> None:
    sums = {name: float(kernel_of(name).sum()) for name in KERNELS}
    for name in ("identity", "box", "gaussian", "sharpen", "emboss"):
        assert sums[name] == pytest.approx(1)
    for name in ("sobel-x", "sobel-y", "laplacian"):
        assert sums[name] == 0


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(4, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    transposed=st.booleans(),
)
def test_sizes_and_costs_are_torch_s(
    length: int, kernel: int, stride: int, padding: int, dilation: int, transposed: bool
) -> None:
    sliding = Sliding(stride, padding, dilation, transposed)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    layer = kind(2, 3, kernel, stride, padding, dilation=dilation, bias=False)
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad():
            expected = layer(torch.zeros(1, 2, length, length + 1)).shape[2:]
    except RuntimeError:
        with pytest.raises(InputError, match="leaves nothing"):
            sliding.size(length, kernel)
        return
    assert (sliding.size(length, kernel), sliding.size(length + 1, kernel)) == tuple(expected)
    assert sliding.multiply_adds((length, length + 1), kernel, (2, 3)) == counter.get_total_flops() // 2
    said, result = sliding.size_in_words(length, kernel).split(" = ")
    formula = said.replace("⌊", "(").replace("⌋", ")").replace("·", "*").replace("÷", "//").replace("−", "-")
    assert eval(formula) == int(result) == expected[0]  # noqa: S307 the formula is our own


def test_transposed_is_the_adjoint(picture: torch.Tensor) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩."""
    kernel = torch.randn(3, 3, dtype=torch.float64)
    x = picture[..., :17, :]
    there = filtered(x, kernel, Sliding(2, 1))
    y = torch.randn_like(there)
    back = filtered(y, kernel, Sliding(2, 1, transposed=True))
    assert float((there * y).sum()) == pytest.approx(float((x * back).sum()))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: kernel_of("sobel"), "sobel-x"),
        (lambda: kernel_of("sobel-x", 5), "is 3"),
        (lambda: kernel_of("box", 99), "1 to 31"),
        (lambda: Sliding(stride=0), "stride"),
        (lambda: filtered(torch.zeros(1, 1, 5, 5), torch.zeros(2, 3), Sliding()), "square"),
        (lambda: filtered(torch.zeros(1, 1, 5, 5), torch.zeros(7, 7), Sliding()), "nothing"),
    ],
)
def test_what_cannot_be_is_told(make: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()  # type: ignore[operator]

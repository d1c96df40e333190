"""Ways through a space of codes, where they are known beforehand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.inspection.latent import attribute_vector, linear_walk, plane, spherical_walk
from pellucid.types.errors import InputError


@settings(max_examples=30)
@given(st.integers(2, 30), st.integers(2, 20), st.integers(0, 1000))
def test_walks_keep_their_ends_and_the_spherical_one_its_length(code: int, steps: int, seed: int) -> None:
    start, end = torch.randn(2, code, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for walk in (linear_walk, spherical_walk):
        way = walk(start, end, steps)
        torch.testing.assert_close(way[0], start, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(way[-1], end, rtol=1e-5, atol=1e-6)
    lengths = spherical_walk(start, end, steps).norm(dim=1)
    expected = torch.linspace(float(start.norm()), float(end.norm()), steps, dtype=torch.float64)
    # Between codes that are nearly opposite a small sine magnifies what rounding does.
    torch.testing.assert_close(lengths, expected, rtol=1e-4, atol=1e-5)


def test_a_quarter_circle_is_walked_evenly() -> None:
    way = spherical_walk(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    torch.testing.assert_close(way[1], torch.full((2,), 2**0.5))


def test_a_plane_varies_two_numbers() -> None:
    codes = plane(torch.tensor([9.0, 0.0, 8.0]), (0, 1), torch.tensor([[-1.0, 1.0], [-2.0, 2.0]]), 3)
    assert codes[0, 0].tolist() == [-1, 2, 8]
    assert codes[2, 2].tolist() == [1, -2, 8]
    assert codes[1, 1].tolist() == [0, 0, 8]


def test_the_attribute_vector_goes_from_mean_to_mean() -> None:
    codes = torch.tensor([[0.0, 1.0], [2.0, 1.0], [5.0, 5.0]])
    assert attribute_vector(codes, torch.tensor([0, 0, 1]), 0, 1).tolist() == [4, 4]


def test_what_is_not_there_is_refused() -> None:
    one, spans = torch.ones(4), torch.tensor([[-1.0, 1.0]] * 2)
    with pytest.raises(InputError, match="numbers 0 to 3"):
        plane(one, (0, 4), spans, 3)
    with pytest.raises(InputError, match="two different"):
        plane(one, (2, 2), spans, 3)
    with pytest.raises(InputError, match="at least 2"):
        linear_walk(one, one, 1)
    with pytest.raises(InputError, match="opposite"):
        spherical_walk(one, -one, 5)
    with pytest.raises(InputError, match="0 everywhere"):
        spherical_walk(one, 0 * one, 5)
    with pytest.raises(InputError, match="no sample"):
        attribute_vector(torch.ones(2, 4), torch.tensor([0, 0]), 0, 1)

"""Centred kernel alignment, against plain formulas and as properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.inspection.similarity import Side, compare_layers, linear_cka, unbiased_hsic
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_the_book(x: Tensor, y: Tensor) -> float:
    """tr(KHLH) / sqrt(tr(KHKH) tr(LHLH))."""
    n = len(x)
    h = torch.eye(n, dtype=torch.float64) - 1 / n
    k, m = (h @ each.double() @ each.double().T @ h for each in (x, y))
    return float((k * m).sum() / ((k * k).sum() * (m * m).sum()).sqrt())


@pytest.mark.parametrize(("n", "p", "q"), [(9, 3, 4), (5, 40, 2), (6, 50, 70), (30, 5, 200)])
def test_cka_is_that_of_the_centred_kernels(n: int, p: int, q: int) -> None:
    x = drawn(0, n, p) + 3
    y = torch.cat([x[:, :1] ** 2, drawn(1, n, q - 1)], 1)
    assert linear_cka(x, y) == pytest.approx(by_the_book(x, y), rel=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(3, 12),
    p=st.integers(1, 9),
    scale=st.floats(1e-4, 1e4),
    shift=st.floats(-3, 3),
)
def test_turned_mirrored_scaled_and_moved_is_the_same(
    seed: int, n: int, p: int, scale: float, shift: float
) -> None:
    x, y = drawn(seed, n, p), drawn(seed + 1, n, 4)
    turn = torch.linalg.qr(drawn(seed + 2, p, p))[0]
    moved = scale * (x @ turn) + scale * shift
    assert linear_cka(moved, y) == pytest.approx(linear_cka(x, y), rel=1e-6, abs=1e-9)
    assert linear_cka(x, moved) == pytest.approx(1.0, abs=1e-9)
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x), rel=1e-9)
    assert -1e-9 <= linear_cka(x, y) <= 1 + 1e-9
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert linear_cka(x[order], y[order]) == pytest.approx(linear_cka(x, y), rel=1e-9)


def test_unbiased_hsic_is_the_mean_over_all_quadruples() -> None:
    """The U-statistic it is, written out for six samples."""
    from itertools import permutations

    x, y = drawn(3, 6, 2), drawn(4, 6, 3)
    k, m = x @ x.T, y @ y.T
    terms = [float(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])) for i, j, q, r in permutations(range(6), 4)]
    assert float(unbiased_hsic(k, m)) == pytest.approx(np.mean(terms), rel=1e-9)


class Tapped(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.conv(x)).mean((2, 3)))


def batches(count: int, size: int, seed: int = 0) -> list[Batch]:
    inputs, indices = drawn(seed, count, 3, 6, 6).float(), torch.arange(count)
    return [Batch(inputs[i : i + size], torch.empty(0), indices[i : i + size]) for i in range(0, count, size)]


LAYERS = ("conv", "relu", "head")


def test_all_layers_of_two_networks_exactly() -> None:
    torch.manual_seed(0)
    one, two = Tapped(5), Tapped(7)
    found = compare_layers(Side(one, LAYERS, batches(40, 7)), Side(two, LAYERS[1:], batches(40, 7)))
    assert found.method == "exact"
    assert found.samples == 40
    assert (found.rows, found.columns) == (LAYERS, LAYERS[1:])
    x = batches(40, 40)[0].inputs
    with torch.no_grad():
        maps = one.conv(x)
        mine = [maps.mean((2, 3)), maps.relu().mean((2, 3)), one(x)]
        theirs = [two.conv(x).relu().mean((2, 3)), two(x)]
    expected = [[by_the_book(a, b) for b in theirs] for a in mine]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)


def test_in_batches_it_comes_near_and_is_the_ratio_of_sums() -> None:
    torch.manual_seed(1)
    model = Tapped(6)
    exact = compare_layers(Side(model, LAYERS, batches(400, 50)))
    parts = compare_layers(Side(model, LAYERS, batches(400, 50)), exact=1000)
    assert parts.method == "unbiased, in batches"
    np.testing.assert_allclose(np.diag(parts.values), 1.0, atol=1e-9)
    np.testing.assert_allclose(parts.values, exact.values, atol=0.05)
    sums = np.zeros((3, 3))
    for batch in batches(400, 50):
        with torch.no_grad():
            maps = model.conv(batch.inputs)
            vectors = [maps.mean((2, 3)), maps.relu().mean((2, 3)), model(batch.inputs)]
        kernels = [each.double() @ each.double().T for each in vectors]
        sums += [[float(unbiased_hsic(a, b)) for b in kernels] for a in kernels]
    expected = sums / np.sqrt(np.outer(np.diag(sums), np.diag(sums)))
    np.testing.assert_allclose(parts.values, expected, rtol=1e-3)


def test_independent_representations_are_not_alike_in_batches() -> None:
    """Where the biased value of so few samples is far from zero."""
    x, y = drawn(5, 1600, 30), drawn(6, 1600, 30)
    biased = np.mean([linear_cka(a, b) for a, b in zip(x.split(16), y.split(16), strict=True)])
    pairs = [(a @ a.T, b @ b.T) for a, b in zip(x.split(16), y.split(16), strict=True)]
    cross, one, two = (
        sum(float(unbiased_hsic(u, v)) for u, v in each)
        for each in (pairs, [(a, a) for a, _ in pairs], [(b, b) for _, b in pairs])
    )
    assert biased > 0.5
    assert abs(cross / np.sqrt(one * two)) < 0.1


def test_what_cannot_be_compared() -> None:
    model = Tapped(4)
    with pytest.raises(InputError, match="four pictures"):
        compare_layers(Side(model, LAYERS, batches(3, 3)))
    with pytest.raises(InputError, match="the same samples"):
        compare_layers(Side(model, LAYERS, batches(8, 4)), Side(model, LAYERS, batches(9, 4)))
    with pytest.raises(InputError, match="no layer is called"):
        compare_layers(Side(model, ["body"], batches(8, 4)))
    with pytest.raises(InputError, match="larger ones"):
        compare_layers(Side(model, LAYERS, batches(8, 2)), exact=1)
    with pytest.raises(InputError, match="same two samples"):
        linear_cka(drawn(0, 3, 2), drawn(0, 4, 2))
    assert np.isnan(linear_cka(torch.ones(5, 3) * 0.1, drawn(0, 5, 2)))

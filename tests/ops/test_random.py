"""The keyed random numbers: known values, order, independence, and the statistics of uniform draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from pellucid.ops.random import keys, seed_of, uniform

MASK = (1 << 64) - 1


def finalise(x: int) -> int:
    """SplitMix64's finaliser in unbounded integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def reference_key(*parts: int) -> int:
    key = 0
    for part in parts:
        key = finalise((key * 0xBF58476D1CE4E5B9 + part + 0x9E3779B97F4A7C15) & MASK)
    return key


@pytest.mark.parametrize("parts", [(0,), (1, 2, 3), (7, 0, 59_999), (2**62, -1, 5), (123, 4, 5, 6)])
def test_keys_equal_the_same_arithmetic_in_unbounded_integers(parts):
    assert int(keys(*parts)) & MASK == reference_key(*parts)


def test_one_part_gives_the_published_splitmix64_sequence():
    # The generator's first outputs from state 0, as published with its C source.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    states = [(0x9E3779B97F4A7C15 * n) & MASK for n in range(3)]
    signed = torch.tensor([s - (1 << 64) if s >> 63 else s for s in states])
    assert [int(k) & MASK for k in keys(signed)] == published


def test_uniform_is_the_high_24_bits_of_the_splitmix64_stream():
    key = keys(5, 6)
    state = int(key) & MASK
    expected = [(finalise((state + n * 0x9E3779B97F4A7C15) & MASK) >> 40) / 2**24 for n in range(1, 6)]
    assert uniform(key, 5).tolist() == expected


def test_order_and_number_of_parts_matter():
    distinct = [(1, 2), (2, 1), (1, 2, 0), (0, 1, 2), (1,), (3,), (1, 1), (0,), (0, 0)]
    assert len({int(keys(*parts)) for parts in distinct}) == len(distinct)


def test_keys_of_tensors_equal_keys_of_numbers_and_broadcast():
    epochs, indices = torch.tensor([[0], [9]]), torch.tensor([3, 4, 70_000])
    table = keys(11, epochs, indices)
    assert table.shape == (2, 3)
    for i, epoch in enumerate((0, 9)):
        for j, index in enumerate((3, 4, 70_000)):
            assert int(table[i, j]) == int(keys(11, epoch, index))


def test_keys_do_not_collide_over_many_seeds_epochs_and_samples():
    table = keys(torch.arange(20)[:, None, None], torch.arange(20)[:, None], torch.arange(1000))
    assert table.unique().numel() == table.numel()


def test_seeds_are_what_a_generator_takes():
    seeds = [seed_of(n, 3) for n in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    torch.Generator().manual_seed(max(seeds))


def test_a_longer_draw_begins_with_the_shorter():
    key = keys(1, torch.arange(10))
    assert torch.equal(uniform(key, 7)[:, :3], uniform(key, 3))


@pytest.mark.parametrize("first", [0, 1, 2])
def test_draws_are_uniform_along_samples_epochs_and_seeds(first):
    line = torch.arange(20_000)
    parts = [torch.tensor(4), torch.tensor(2), torch.tensor(9)]
    parts[first] = line
    numbers = uniform(keys(*parts), 3).numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_neighbouring_samples_epochs_and_draws_are_independent():
    numbers = uniform(
        keys(0, torch.arange(200)[:, None], torch.arange(200)), 2
    ).numpy()  # epoch, sample, draw
    pairs = [
        (numbers[1:], numbers[:-1]),
        (numbers[:, 1:], numbers[:, :-1]),
        (numbers[..., 0], numbers[..., 1]),
    ]
    for one, other in pairs:
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 5 / one.size**0.5
        cells, *_ = np.histogram2d(one.ravel(), other.ravel(), bins=16, range=[[0, 1], [0, 1]])
        assert stats.chisquare(cells.ravel()).pvalue > 1e-4

"""Randomness that is a pure function of what it is for.

Every random number of a training run is drawn from a key: (seed, epoch, sample) for augmentation, (seed,
step, process) for dropout and mixing. Nothing depends on how many workers, processes or restarts there were,
so a resumed run needs no saved generator state. The mixing function is SplitMix64's finaliser (Steele, Lea &
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), on int64 tensors whose overflow wraps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB
_ALL = 0xFFFF_FFFF_FFFF_FFFF


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: int64 `>>` carries the sign along, so it is masked off."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def _combined(numbers: Sequence[int]) -> int:
    """`keys` of plain numbers as an unsigned 64-bit number, without the cost of tensors."""
    key = 0
    for number in numbers:
        key = (key * _MIX_1 + number + _GOLDEN) & _ALL
        key = (key ^ key >> 30) * _MIX_1 & _ALL
        key = (key ^ key >> 27) * _MIX_2 & _ALL
        key ^= key >> 31
    return key


def _signed(key: int) -> int:
    """The int64 with the same bits."""
    return key - (key >> 63 << 64)


def keys(*parts: int | Tensor) -> Tensor:
    """Combine numbers and int64 tensors (broadcast together) into int64 keys, one per element, order
    mattering.
    """
    plain = next((at for at, part in enumerate(parts) if isinstance(part, Tensor)), len(parts))
    number = _combined([int(part) for part in parts[:plain]])
    key = torch.tensor(_signed(number), dtype=torch.int64)
    for part in parts[plain:]:
        values = part if isinstance(part, Tensor) else torch.tensor(part, dtype=torch.int64)
        key = _mix(key.to(values.device) * _MIX_1 + values.to(torch.int64) + _GOLDEN)
    return key


def seed_of(*parts: int) -> int:
    """One non-negative 63-bit seed for a generator, from the same parts as `keys`."""
    return _combined(parts) & 0x7FFF_FFFF_FFFF_FFFF


def uniform(key: Tensor, count: int) -> Tensor:
    """`count` float32 numbers in [0, 1) for every key: (…,) int64 → (…, count)."""
    draws = torch.arange(1, count + 1, device=key.device) * _GOLDEN
    return _shift_right(_mix(key[..., None] + draws), 40).to(torch.float32) / (1 << 24)


def normal(key: Tensor, count: int) -> Tensor:
    """`count` standard normal float32 numbers for every key, by Box & Muller: (…,) int64 → (…, count)."""
    pairs = uniform(key, 2 * count)
    radius = (-2 * torch.log1p(-pairs[..., :count])).sqrt()
    return radius * torch.cos(2 * math.pi * pairs[..., count:])

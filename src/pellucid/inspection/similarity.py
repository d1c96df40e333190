"""How alike two layers represent the same pictures: centred kernel alignment, linear.

Kornblith, Norouzi, Lee & Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019: the
cosine between the two matrices of how alike pictures are to one another. It is 1 where one representation is
the other turned, mirrored or scaled. In batches it is the ratio of sums of unbiased HSIC (Song et al., JMLR
2012), as Nguyen, Raghu & Kornblith, "Do Wide and Deep Networks Learn the Same Things?", ICLR 2021, eq. 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.inspection.features import features_in_batches
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

_ROUNDING = 1e-6  # of float32
_EXACT = 2**26  # numbers that may be kept for an exact comparison: 256 MiB


@dataclass(frozen=True, eq=False)
class Similarity:
    """`values` (rows, columns) in about [0, 1]: how alike layer `rows[i]` of one network and `columns[j]` of
    another are, on `samples` pictures; NaN for a layer that gives every picture the same. `method` says
    whether the pictures were compared all at once, or in batches, without bias.
    """

    values: NDArray[np.float64]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    samples: int
    method: str


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Of (n, p) and (n, q), the same n samples in the same order: ‖yᵀx‖² / (‖xᵀx‖ ‖yᵀy‖) of the centred
    ones, Frobenius norms, in [0, 1]. NaN where one of them is constant.
    """
    if len(x) != len(y) or len(x) < 2:
        raise InputError(
            f"the same two samples or more were expected on both sides; got {len(x)} and {len(y)}"
        )
    x, y = (_normed(each) for each in (x, y))
    return float(_overlap(x, y) / (_overlap(x, x) * _overlap(y, y)).sqrt())


def unbiased_hsic(k: Tensor, m: Tensor) -> Tensor:
    """HSIC₁ of Song et al. of two (n, n) kernel matrices, n ≥ 4: unbiased, and so below zero at times.
    Batched over leading dimensions, which broadcast.
    """
    n = k.shape[-1]
    if n < 4:
        raise InputError(f"an unbiased estimate needs batches of 4 samples or more; got {n}")
    k, m = (each - torch.diag_embed(each.diagonal(dim1=-2, dim2=-1)) for each in (k, m))
    sums_k, sums_m = k.sum(-1), m.sum(-1)
    trace = (k * m).sum((-2, -1))  # both are symmetric
    totals = sums_k.sum(-1) * sums_m.sum(-1) / ((n - 1) * (n - 2))
    rows = 2 / (n - 2) * (sums_k * sums_m).sum(-1)
    return (trace + totals - rows) / (n * (n - 3))


@dataclass(frozen=True)
class Side:
    """A network, its layers to be compared, and pictures as it sees them."""

    model: nn.Module
    layers: Sequence[str]
    batches: Iterable[Batch]


def compare_layers(one: Side, other: Side | None = None, *, exact: int = _EXACT) -> Similarity:
    """Every layer of `one` with every layer of `other`, or with the others of `one`.

    Both sides' batches are the same samples in the same order and sizes. Maps and tokens are averaged over
    their places. All samples are compared at once while the vectors of both sides are at most `exact`
    numbers; beyond that, batch by batch without bias. Raises `InputError` where the sides differ in samples,
    or there are too few.
    """
    columns = tuple((other or one).layers)
    kept: list[_Vectors] = []
    sums, numbers, samples = _Sums(), 0, 0
    for batch, found, beside in _together(one, other):
        device = batch.inputs.device
        kept.append(([found[name] for name in one.layers], [beside[name].to(device) for name in columns]))
        numbers += sum(vectors.numel() for side in kept[-1] for vectors in side)
        samples += len(batch)
        if numbers > exact:
            for vectors in kept:
                sums.add(*vectors)
            kept.clear()
    if samples < 4:
        raise InputError(f"a comparison needs four pictures or more; got {samples}")
    if numbers > exact:
        values, method = sums.similarity(), "unbiased, in batches"
    else:
        firsts, seconds = (
            [torch.cat(parts) for parts in zip(*side, strict=True)] for side in zip(*kept, strict=True)
        )
        values, method = _all_pairs(firsts, seconds), "exact"
    return Similarity(values, tuple(one.layers), columns, samples, method)


_Vectors = tuple[list[Tensor], list[Tensor]]


def _together(one: Side, other: Side | None) -> Iterator[tuple[Batch, dict[str, Tensor], dict[str, Tensor]]]:
    """Each batch with what both sides' layers say of it."""
    first = features_in_batches(one.model, one.layers, one.batches)
    if other is None:
        yield from ((batch, found, found) for batch, found in first)
        return
    second = features_in_batches(other.model, other.layers, other.batches)
    for mine, theirs in zip_longest(first, second):
        if mine is None or theirs is None or not torch.equal(mine[0].indices.cpu(), theirs[0].indices.cpu()):
            raise InputError("both networks have to see the same samples in the same order and batches")
        yield mine[0], mine[1], theirs[1]


def _all_pairs(x: Sequence[Tensor], y: Sequence[Tensor]) -> NDArray[np.float64]:
    one, two = ([_normed(each) for each in side] for side in (x, y))
    own = [_overlap(each, each) for each in one], [_overlap(each, each) for each in two]
    values = [
        [float(_overlap(a, b) / (own[0][i] * own[1][j]).sqrt()) for j, b in enumerate(two)]
        for i, a in enumerate(one)
    ]
    return np.array(values, np.float64)


class _Sums:
    """HSIC of every pair of layers, summed over batches."""

    def __init__(self) -> None:
        self._cross: Tensor | float = 0.0
        self._one: Tensor | float = 0.0
        self._two: Tensor | float = 0.0
        self._sizes: tuple[list[Tensor], list[Tensor]] | None = None

    def add(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> None:
        if len(x[0]) < 4:
            return  # the rest of the samples, too few for an estimate
        if self._sizes is None:  # one scale for all batches, so that nothing overflows
            self._sizes = [_size(each) for each in x], [_size(each) for each in y]
        one, two = (
            torch.stack([_kernel(each, size) for each, size in zip(side, sizes, strict=True)])
            for side, sizes in zip((x, y), self._sizes, strict=True)
        )
        self._one = self._one + unbiased_hsic(one, one)
        self._two = self._two + unbiased_hsic(two, two)
        self._cross = self._cross + torch.stack([unbiased_hsic(each, two) for each in one])

    def similarity(self) -> NDArray[np.float64]:
        cross, one, two = (torch.as_tensor(each) for each in (self._cross, self._one, self._two))
        if not cross.ndim:
            raise InputError("no batch has four pictures or more; give larger ones")
        values: NDArray[np.float64] = (cross / (one[:, None] * two).sqrt()).cpu().numpy()
        return values


def _kernel(vectors: Tensor, size: Tensor) -> Tensor:
    """(n, n) inner products, of vectors less their mean, which changes nothing but rounding."""
    centred = _centred(vectors) / size
    return centred @ centred.mT


def _size(vectors: Tensor) -> Tensor:
    """The root mean square, 1 for zeros."""
    size = vectors.double().square().mean().sqrt()
    return torch.where(size > 0, size, 1.0)


def _centred(vectors: Tensor) -> Tensor:
    """In float64, less the mean; zeros where no more than rounding is left."""
    exact = vectors.double()
    centred = exact - exact.mean(0)
    return centred * (centred.abs().amax() > _ROUNDING * exact.abs().amax())


def _normed(vectors: Tensor) -> Tensor:
    """Centred and brought to size, so that nothing overflows."""
    return _centred(vectors) / _size(vectors)


def _overlap(x: Tensor, y: Tensor) -> Tensor:
    """‖yᵀx‖² by the smaller of features × features and samples × samples."""
    if x.shape[1] * y.shape[1] <= len(x) ** 2:
        return (y.mT @ x).square().sum()
    return ((x @ x.mT) * (y @ y.mT)).sum()

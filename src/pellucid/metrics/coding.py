"""What an autoencoder is judged by: how like its pictures are, and what its code costs and carries."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from pellucid.metrics.pictures import WINDOW, mean_squared_error, psnr, ssim
from pellucid.ops.coding import kl_from_standard_normal
from pellucid.types.batch import Batch
from pellucid.types.coding import Coded

ACTIVE = 0.01
"""A unit is active where its posterior mean's variance over the data is above this: Burda, Grosse &
Salakhutdinov, "Importance weighted autoencoders", ICLR 2016, §5."""


class Likeness:
    """`compute` gives "MSE", "PSNR" in dB and "SSIM", means over pictures of what was made against what was
    wanted, in [0, 1]; with `noisy` also "PSNR of the input", of what the network saw, clipped to [0, 1]. No
    SSIM of pictures smaller than its window.
    """

    def __init__(self, noisy: bool = False) -> None:
        self.noisy, self.count = noisy, 0
        self.totals: dict[str, float] = {}

    def update(self, output: Coded, batch: Batch) -> None:
        wanted, made = output.wanted, output.made
        values = {"MSE": mean_squared_error(made, wanted), "PSNR": psnr(made, wanted)}
        if min(wanted.shape[-2:]) >= WINDOW:
            values["SSIM"] = ssim(made, wanted)
        if self.noisy:
            values["PSNR of the input"] = psnr(output.seen.clamp(0, 1), wanted)
        for name, each in values.items():
            self.totals[name] = self.totals.get(name, 0.0) + float(each.sum())
        self.count += len(batch)

    def merge(self, other: Self) -> None:
        self.count += other.count
        for name, total in other.totals.items():
            self.totals[name] = self.totals.get(name, 0.0) + total

    def compute(self) -> dict[str, float]:
        return {name: total / self.count for name, total in self.totals.items()}


class CodeScores:
    """`compute` gives "objective", the reconstruction and `beta` · KL, "reconstruction", what giving back
    costs in the unit of the loss, and "activity", the mean of the code's numbers.

    Of a variational network also "reconstruction at the mean", "KL" of the posterior from the prior in nats,
    "ELBO" (−reconstruction − KL, with codes drawn once) and "active units". `kl` (k,) is each number's.
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta, self.count, self.variational = beta, 0, False
        self.error = self.error_at_mean = 0.0
        self._sums: list[Tensor] = []  # of the code, its square, KL; (k,) each

    def update(self, output: Coded, batch: Batch) -> None:
        self.error += float(output.errors.double().sum())
        self.error_at_mean += float(output.errors_at_mean.double().sum())
        code = output.code.detach().double()
        kl = torch.zeros_like(code)
        if output.log_variances is not None:
            self.variational = True
            kl = kl_from_standard_normal(code, output.log_variances.double())
        self._add([each.sum(0).cpu() for each in (code, code.square(), kl)], len(batch))

    def _add(self, sums: list[Tensor], count: int) -> None:
        self._sums = [a + b for a, b in zip(self._sums, sums, strict=True)] if self._sums else sums
        self.count += count

    def merge(self, other: Self) -> None:
        self.error, self.error_at_mean = self.error + other.error, self.error_at_mean + other.error_at_mean
        self.variational = self.variational or other.variational
        if other.count:
            self._add(other._sums, other.count)

    @property
    def kl(self) -> Tensor:
        """(k,) in nats, means over the data."""
        return self._sums[2] / self.count

    def compute(self) -> dict[str, float]:
        if not self.count:
            return {"objective": math.nan}
        mean, square = (total / self.count for total in self._sums[:2])
        error, kl = self.error / self.count, float(self.kl.sum())
        found = {"objective": error + self.beta * kl, "reconstruction": error}
        if not self.variational:
            return found | {"activity": float(mean.mean())}
        return found | {
            "reconstruction at the mean": self.error_at_mean / self.count,
            "KL": kl,
            "ELBO": -error - kl,
            "active units": float((square - mean.square() > ACTIVE).sum()),
        }


METRICS = {"likeness": Likeness, "code": CodeScores}

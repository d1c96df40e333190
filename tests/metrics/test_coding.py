"""Likeness of pictures against scikit-image, and the scores of codes over any split into batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pellucid.metrics.coding import CodeScores, Likeness
from pellucid.metrics.pictures import psnr, ssim
from pellucid.ops.coding import kl_from_standard_normal
from pellucid.types.batch import Batch
from pellucid.types.coding import Coded
from pellucid.types.errors import InputError


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    wanted = torch.rand(shape, generator=random)
    return wanted, (wanted + 0.1 * torch.randn(shape, generator=random)).clamp(0, 1)


@pytest.mark.parametrize("shape", [(3, 1, 11, 17), (2, 3, 28, 20)])
def test_psnr_and_ssim_are_scikit_images(shape: tuple[int, ...]) -> None:
    wanted, made = pair(shape)
    for place in range(shape[0]):
        a, b = wanted[place].double().numpy(), made[place].double().numpy()
        assert float(psnr(made, wanted)[place]) == pytest.approx(
            peak_signal_noise_ratio(a, b, data_range=1), abs=1e-5
        )
        expected = structural_similarity(
            a, b, data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert float(ssim(made, wanted)[place]) == pytest.approx(expected, abs=1e-6)


def test_a_picture_is_like_itself() -> None:
    wanted, _ = pair((2, 1, 16, 16))
    assert ssim(wanted, wanted).tolist() == pytest.approx([1, 1])
    assert psnr(wanted, wanted).tolist() == [120, 120]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        psnr(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 5))
    with pytest.raises(InputError, match="11"):
        ssim(torch.zeros(2, 1, 10, 30), torch.zeros(2, 1, 10, 30))


def coded(count: int) -> Coded:
    wanted, made = pair((count, 1, 12, 12))
    random = torch.Generator().manual_seed(3)
    code = torch.randn(count, 4, generator=random) * torch.tensor([1.0, 1.0, 0.0, 0.5])
    errors = torch.rand(count, generator=random)
    return Coded(wanted, made, made, code, errors, errors / 2, torch.full((count, 4), -0.5), lambda: wanted)


def part(whole: Coded, start: int, stop: int) -> tuple[Coded, Batch]:
    names = ("wanted", "seen", "made", "code", "errors", "errors_at_mean", "log_variances")
    cut = {name: getattr(whole, name)[start:stop] for name in names}
    nothing = torch.arange(start, stop)
    return Coded(**cut, sampled=whole.sampled), Batch(cut["wanted"], nothing, nothing)


@pytest.mark.parametrize("metric", [lambda: Likeness(noisy=True), lambda: CodeScores(2.0)])
def test_any_split_gives_the_same(metric) -> None:
    whole, once, left, right = coded(50), metric(), metric(), metric()
    once.update(*part(whole, 0, 50))
    left.update(*part(whole, 0, 13))
    right.update(*part(whole, 13, 40))
    right.update(*part(whole, 40, 50))
    left.merge(right)
    assert left.compute() == pytest.approx(once.compute(), rel=1e-9)


def test_the_bound_is_split_and_idle_units_are_counted() -> None:
    whole, scores = coded(200), CodeScores(beta=4.0)
    scores.update(*part(whole, 0, 200))
    found = scores.compute()
    assert whole.log_variances is not None
    kl = kl_from_standard_normal(whole.code, whole.log_variances).double()
    np.testing.assert_allclose(scores.kl.numpy(), kl.mean(0).numpy(), rtol=1e-5)
    assert found["KL"] == pytest.approx(float(kl.sum(1).mean()), rel=1e-5)
    assert found["ELBO"] == pytest.approx(-found["reconstruction"] - found["KL"])
    assert found["objective"] == pytest.approx(found["reconstruction"] + 4 * found["KL"])
    assert found["active units"] == 3

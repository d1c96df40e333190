import math

import pytest
import torch

from pellucid.ops.diffusion import betas, cleaned, ddim_step, kept, noised

SCHEDULES = ["linear", "cosine"]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [20, 1000])
def test_the_closed_form_is_the_forward_process_step_by_step(name, steps):
    """x ← √(1 − β) x + √β ε, whose mean factor and variance are followed exactly."""
    alphas = kept(betas(name, steps))
    factor, variance = 1.0, 0.0
    for beta, alpha in zip(betas(name, steps).tolist(), alphas.tolist(), strict=True):
        assert 0 < beta < 1
        factor, variance = math.sqrt(1 - beta) * factor, (1 - beta) * variance + beta
        assert factor**2 == pytest.approx(alpha, rel=1e-9, abs=1e-15)
        assert variance == pytest.approx(1 - alpha, rel=1e-9)
    assert alphas[0] > 0.9
    assert alphas[-1] < 1e-4


def test_the_published_values_of_the_linear_schedule():
    found = betas("linear", 1000)
    assert (float(found[0]), float(found[-1])) == pytest.approx((1e-4, 0.02))


def test_cleaning_undoes_noising():
    torch.manual_seed(0)
    pictures, noise = torch.rand(3, 1, 4, 4) * 2 - 1, torch.randn(3, 1, 4, 4)
    alpha = torch.tensor(0.3)
    noisy = noised(pictures, noise, alpha.expand(3))
    torch.testing.assert_close(cleaned(noisy, noise, alpha), pictures)


def test_with_eta_1_a_step_is_the_posterior_of_ddpm():
    """Ho et al., eq. 7: μ̃ and β̃ of q(x_{t−1} | x_t, x_0), written out."""
    torch.manual_seed(0)
    beta = betas("linear", 1000)
    alpha, t = kept(beta), 400
    clean, noise = (torch.rand(2, 1, 4, 4) * 1.8 - 0.9).double(), torch.randn(2, 1, 4, 4).double()
    noisy = alpha[t].sqrt() * clean + (1 - alpha[t]).sqrt() * noise
    fresh = torch.randn_like(noisy)
    mean = (alpha[t - 1].sqrt() * beta[t] * clean + (1 - beta[t]).sqrt() * (1 - alpha[t - 1]) * noisy) / (
        1 - alpha[t]
    )
    deviation = ((1 - alpha[t - 1]) / (1 - alpha[t]) * beta[t]).sqrt()
    found, shown = ddim_step(noisy, noise, float(alpha[t]), float(alpha[t - 1]), fresh=fresh, eta=1.0)
    torch.testing.assert_close(found, mean + deviation * fresh)
    torch.testing.assert_close(shown, clean)


def test_without_eta_a_step_moves_along_the_same_noise():
    torch.manual_seed(0)
    clean, noise = torch.rand(2, 1, 4, 4) - 0.5, torch.randn(2, 1, 4, 4)
    noisy = noised(clean, noise, torch.full((2,), 0.2))
    found, _ = ddim_step(noisy, noise, 0.2, 0.7)
    torch.testing.assert_close(found, noised(clean, noise, torch.full((2,), 0.7)))

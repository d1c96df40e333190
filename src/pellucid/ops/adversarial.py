"""What the two players of a GAN minimise. Scores are (b,) float32: the higher, the more real a sample looks.

- "non-saturating" and "minimax": Goodfellow et al., "Generative adversarial nets", NIPS 2014, eq. 1 and §3.
- "least-squares": Mao et al., "Least squares generative adversarial networks", ICCV 2017; a = 0, b = c = 1.
- "hinge": Lim & Ye, "Geometric GAN", 2017 (arXiv:1705.02894).
- "wasserstein": Arjovsky, Chintala & Bottou, "Wasserstein GAN", ICML 2017 (arXiv:1701.07875), eq. 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Scores = Tensor


def critic_losses(name: str, real: Scores, fake: Scores) -> tuple[Tensor, Tensor]:
    """What the critic minimises, as its parts of real and of generated samples."""
    return _CRITIC[name](real, fake)


def generator_loss(name: str, fake: Scores) -> Tensor:
    """What the generator minimises."""
    return _GENERATOR[name](fake)


_CRITIC: dict[str, Callable[[Scores, Scores], tuple[Tensor, Tensor]]] = {
    "non-saturating": lambda real, fake: (F.softplus(-real).mean(), F.softplus(fake).mean()),
    "minimax": lambda real, fake: (F.softplus(-real).mean(), F.softplus(fake).mean()),
    "least-squares": lambda real, fake: ((real - 1).square().mean() / 2, fake.square().mean() / 2),
    "hinge": lambda real, fake: (F.relu(1 - real).mean(), F.relu(1 + fake).mean()),
    "wasserstein": lambda real, fake: (-real.mean(), fake.mean()),
}
_GENERATOR: dict[str, Callable[[Scores], Tensor]] = {
    "non-saturating": lambda fake: F.softplus(-fake).mean(),
    "minimax": lambda fake: -F.softplus(fake).mean(),
    "least-squares": lambda fake: (fake - 1).square().mean() / 2,
    "hinge": lambda fake: -fake.mean(),
    "wasserstein": lambda fake: -fake.mean(),
}


def between(real: Tensor, fake: Tensor, parts: Tensor) -> Tensor:
    """The point of each pair that lies `parts` (b,) in [0, 1] of the way from real to fake."""
    return torch.lerp(real, fake, parts.view(-1, *[1] * (real.ndim - 1)).to(real))


def slopes(score: Callable[[Tensor], Scores], at: Tensor, *, differentiable: bool = False) -> Tensor:
    """(b,): the L2 norm of the score's gradient at each of `at` (b, …), where samples do not see each other.

    Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017 (arXiv:1704.00028), eq. 3.
    """
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(score(at).sum(), at, create_graph=differentiable)
    # Near zero the square root's gradient grows without bound.
    return (gradient.float().flatten(1).square().sum(1) + 1e-12).sqrt()


def gradient_penalty(score: Callable[[Tensor], Scores], real: Tensor, fake: Tensor, parts: Tensor) -> Tensor:
    """The mean of (‖∇ score‖ − 1)² at points between real and fake samples."""
    return (slopes(score, between(real, fake, parts), differentiable=True) - 1).square().mean()

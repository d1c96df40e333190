"""The losses of classification as pure functions, and the links that turn logits into probabilities.

Every loss is one scalar: the mean over the batch, for the binary ones over its labels too. Targets are labels
(b,) int64 or soft targets (b, classes) in [0, 1], as mixup makes them; a label and its one-hot row give the
same loss.

Class weights multiply a sample's terms and are not divided out again. (torch's own `reduction="mean"` divides
by the sum of the weights for labels, but not for soft targets.) So the loss of a batch is the mean of the
losses of its equal parts: accumulating gradients, or sharing a batch among processes, does not change what is
minimised.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.types.errors import InputError


def softmax(logits: Tensor) -> Tensor:
    """Probabilities of classes that exclude one another: what cross-entropy fits."""
    return logits.softmax(dim=1)


def sigmoid(logits: Tensor) -> Tensor:
    """Probabilities of labels that are present or absent independently: what binary cross-entropy fits."""
    return logits.sigmoid()


def normalised_sigmoid(logits: Tensor) -> Tensor:
    """σ(z_c) / Σ σ(z): for binary cross-entropy on classes that exclude one another, one against the rest."""
    return F.logsigmoid(logits).softmax(dim=1)


def soft_targets(targets: Tensor, logits: Tensor) -> Tensor:
    """Targets as rows in the shape and type of `logits` (b, classes): labels become one-hot."""
    if targets.ndim == 1 and not targets.is_floating_point():
        targets = F.one_hot(targets.long(), logits.shape[1])
    if targets.shape != logits.shape:
        raise InputError(
            f"targets must be labels (samples,) or rows {tuple(logits.shape)} like the network's output, "
            f"got {tuple(targets.shape)} of {targets.dtype}; check the number of classes of data and network"
        )
    return targets.to(logits.dtype)


def smoothed(targets: Tensor, smoothing: float, outcomes: int) -> Tensor:
    """(1 − ε)·targets + ε / outcomes (Szegedy et al. 2016, §7); a label on its own has two outcomes."""
    return targets * (1 - smoothing) + smoothing / outcomes


def cross_entropy(
    logits: Tensor, targets: Tensor, *, weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """−Σ_c w_c t_c log softmax(logits)_c. `weights` is (classes,)."""
    hard = targets.ndim == 1 and not targets.is_floating_point()
    targets = targets.long() if hard else soft_targets(targets, logits)
    return F.cross_entropy(
        logits, targets, weight=weights, label_smoothing=label_smoothing, reduction="none"
    ).mean()


def focal_cross_entropy(
    logits: Tensor, targets: Tensor, *, gamma: float, weights: Tensor | None = None
) -> Tensor:
    """−Σ_c w_c t_c (1 − p_c)^γ log p_c, p = softmax(logits), γ ≥ 0 (Lin et al. 2017, eq. 5, for classes)."""
    terms = soft_targets(targets, logits) * _focused(logits.log_softmax(dim=1), gamma)
    return (terms if weights is None else terms * weights).sum(dim=1).mean()


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, weights: Tensor | None = None, positive_weights: Tensor | None = None
) -> Tensor:
    """−w [v t log σ(z) + (1 − t) log(1 − σ(z))].

    `weights` w are (classes,) or (b, 1), one per label or per sample; `positive_weights` v are (classes,).
    """
    return F.binary_cross_entropy_with_logits(
        logits, soft_targets(targets, logits), weight=weights, pos_weight=positive_weights
    )


def focal_binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float,
    weights: Tensor | None = None,
    positive_weights: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy with each outcome's term times (1 − its probability)^γ (Lin et al. 2017, eq. 4–5).

    The paper's α is `weights` = 1 − α with `positive_weights` = α / (1 − α).
    """
    targets = soft_targets(targets, logits)
    positive = targets * _focused(F.logsigmoid(logits), gamma)
    negative = (1 - targets) * _focused(F.logsigmoid(-logits), gamma)
    terms = negative + (positive if positive_weights is None else positive * positive_weights)
    return (terms if weights is None else terms * weights).mean()


def probability_squared_error(
    probabilities: Tensor, targets: Tensor, *, weights: Tensor | None = None
) -> Tensor:
    """(p_c − t_c)² on probabilities, not logits, mean over samples and classes: Brier's score / classes.

    A sample's weight is that of its class, Σ_c t_c w_c. The gradient with respect to the logits vanishes
    where the network is surely wrong, the reason to prefer cross-entropy.
    """
    targets = soft_targets(targets, probabilities)
    errors = F.mse_loss(probabilities, targets, reduction="none").mean(dim=1)
    return (errors if weights is None else errors * (targets @ weights)).mean()


def _focused(log_probabilities: Tensor, gamma: float) -> Tensor:
    """−(1 − p)^γ log p."""
    doubt = -torch.expm1(log_probabilities)
    floor = torch.finfo(doubt.dtype).tiny  # at p = 1 the power's slope is infinite for 0 < γ < 1
    return -(doubt.clamp_min(floor) ** gamma) * log_probabilities

"""What a metric accepts. Numbers that would make a metric silently wrong are refused here, in one line."""

from __future__ import annotations

from torch import Tensor

from pellucid.types.errors import InputError


def check_scores(scores: Tensor) -> None:
    """Class scores, logits or probabilities: (samples, classes), finite."""
    if scores.ndim != 2:
        raise InputError(f"class scores must have the shape (samples, classes), got {tuple(scores.shape)}")
    check_finite(scores, "class scores")


def check_finite(values: Tensor, what: str) -> None:
    """`values` (samples, …) hold no NaN and no infinity."""
    finite = values.isfinite().unsqueeze(-1).flatten(1).all(dim=1)
    if not finite.all():
        bad = (~finite).nonzero().flatten()
        raise InputError(
            f"{what} must be finite, got NaN or infinity for {len(bad)} of {len(values)} samples "
            f"(the first at position {int(bad[0])}); the network has diverged, or its input is broken"
        )


def check_labels(labels: Tensor, samples: int, classes: int, what: str = "labels") -> None:
    """One class number for each sample: (samples,) integers from 0 to classes − 1."""
    if labels.shape != (samples,) or labels.is_floating_point():
        raise InputError(
            f"{what} must be {samples} whole numbers, one a sample, "
            f"got {tuple(labels.shape)} of {labels.dtype}; soft targets are for training only"
        )
    wrong = ((labels < 0) | (labels >= classes)).nonzero().flatten()
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"{what} must be from 0 to {classes - 1}, got {int(labels[first])} at position {first}; "
            "check that data and network have the same classes"
        )


def check_presence(targets: Tensor, samples: int, classes: int) -> None:
    """Which labels each sample has: (samples, classes) of 0 and 1, any type."""
    if targets.shape != (samples, classes):
        raise InputError(
            f"multi-label targets must be ({samples}, {classes}) of 0 and 1, got {tuple(targets.shape)}"
        )
    wrong = ((targets != 0) & (targets != 1)).any(dim=1).nonzero().flatten()
    if len(wrong):
        raise InputError(
            f"multi-label targets must be 0 or 1, got another value at position {int(wrong[0])}; "
            "soft targets are for training only"
        )

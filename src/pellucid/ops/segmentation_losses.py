"""The losses of segmentation as pure functions of logits (b, classes, h, w) and label maps (b, h, w).

Pixels labelled `VOID` count nowhere. Every loss is the mean over the pictures of the batch of a picture's own
loss, 0 for a picture without a judged pixel. So the loss of a batch is the mean of the losses of its equal
parts, as in `ops.losses`: accumulating gradients, or sharing a batch among processes, changes nothing.
(Others pool all pixels of a batch, which weighs a picture by its judged pixels.)

Overlap losses compare softmax probabilities p with the one-hot truth t. They are means over the classes that
the picture shows: where there is no t, any p above 0 would be a Dice of 0, whatever the network does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.types.data_info import VOID
from pellucid.types.errors import InputError

_SMALL = 1e-6  # added above and below a fraction: far less than a pixel


def check_maps(logits: Tensor, targets: Tensor) -> None:
    """`InputError` unless the shapes fit and every label is a class or `VOID`."""
    expected = (len(logits), *logits.shape[2:])
    if logits.ndim != 4 or tuple(targets.shape) != expected or targets.is_floating_point():
        raise InputError(
            "segmentation needs logits (samples, classes, height, width) and whole-numbered label maps "
            f"(samples, height, width) of the same size; got {tuple(logits.shape)} and "
            f"{tuple(targets.shape)} of {targets.dtype}"
        )
    wrong = targets[(targets < 0) | (targets >= logits.shape[1]) & (targets != VOID)]
    if len(wrong):
        raise InputError(
            f"a label map has the label {int(wrong[0])}; expected 0 to {logits.shape[1] - 1}, or {VOID} for "
            "pixels that are not judged; check that data and network have the same classes"
        )


def cross_entropy(
    logits: Tensor, targets: Tensor, *, weights: Tensor | None = None, pixel_weights: Tensor | None = None
) -> Tensor:
    """−w_t log softmax(logits)_t, mean over a picture's judged pixels.

    `weights` (classes,) and `pixel_weights` (b, h, w) multiply and are not divided out again.
    """
    losses = F.cross_entropy(logits, targets.long(), weight=weights, ignore_index=VOID, reduction="none")
    return _mean_of_pictures(losses if pixel_weights is None else losses * pixel_weights, targets)


def focal(logits: Tensor, targets: Tensor, *, gamma: float, weights: Tensor | None = None) -> Tensor:
    """−w_t (1 − p_t)^γ log p_t (Lin et al. 2017, eq. 5, for classes), γ ≥ 0."""
    losses = F.cross_entropy(logits, targets.long(), ignore_index=VOID, reduction="none")
    floor = torch.finfo(losses.dtype).tiny  # at p = 1 the power's slope is infinite for 0 < γ < 1
    losses = (-torch.expm1(-losses)).clamp_min(floor) ** gamma * losses
    if weights is not None:
        judged = targets != VOID
        losses = losses * weights[torch.where(judged, targets.long(), 0)]
    return _mean_of_pictures(losses, targets)


@dataclass(frozen=True)
class Overlap:
    """Sums over each picture's judged pixels, (b, classes) each: Σ p·t, Σ p and Σ t."""

    both: Tensor
    predicted: Tensor
    true: Tensor

    @classmethod
    def of(cls, logits: Tensor, targets: Tensor) -> Overlap:
        judged = (targets != VOID)[:, None]
        probabilities = logits.softmax(dim=1) * judged
        truth = _one_hot(targets, logits)
        pixels = (2, 3)
        return cls((probabilities * truth).sum(pixels), probabilities.sum(pixels), truth.sum(pixels))

    def mean(self, losses: Tensor) -> Tensor:
        """The mean of `losses` (b, classes) over each picture's classes, then over the pictures."""
        shown = self.true > 0
        return ((losses * shown).sum(1) / shown.sum(1).clamp_min(1)).mean()


def dice(logits: Tensor, targets: Tensor) -> Tensor:
    """1 − 2 Σpt / (Σp + Σt), the soft Dice loss (Drozdzal et al. 2016; Milletarì 2016 squares below)."""
    found = Overlap.of(logits, targets)
    return found.mean(1 - (2 * found.both + _SMALL) / (found.predicted + found.true + _SMALL))


def generalised_dice(logits: Tensor, targets: Tensor) -> Tensor:
    """1 − 2 Σ_c w_c Σpt / Σ_c w_c (Σp + Σt) with w_c = 1 / (Σt)² (Sudre et al. 2017), shown classes only.

    One fraction a picture; small classes weigh as much as large ones.
    """
    found = Overlap.of(logits, targets)
    shown = found.true > 0
    weights = shown / found.true.clamp_min(1) ** 2
    fraction = (
        2
        * (weights * found.both).sum(1)
        / (weights * (found.predicted + found.true)).sum(1).clamp_min(torch.finfo(weights.dtype).tiny)
    )
    return ((1 - fraction) * shown.any(1)).mean()


def tversky(logits: Tensor, targets: Tensor, *, alpha: float) -> Tensor:
    """1 − Σpt / (Σpt + α Σp(1−t) + (1−α) Σ(1−p)t) (Salehi et al. 2017 with β = 1 − α); α = ½ is Dice.

    α in [0, 1] is what a false positive costs, 1 − α what a miss costs.
    """
    found = Overlap.of(logits, targets)
    false, missed = found.predicted - found.both, found.true - found.both
    return found.mean(
        1 - (found.both + _SMALL) / (found.both + alpha * false + (1 - alpha) * missed + _SMALL)
    )


def jaccard(logits: Tensor, targets: Tensor) -> Tensor:
    """1 − Σpt / (Σp + Σt − Σpt), the soft IoU (Rahman & Wang 2016)."""
    found = Overlap.of(logits, targets)
    union = found.predicted + found.true - found.both
    return found.mean(1 - (found.both + _SMALL) / (union + _SMALL))


def lovasz_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    """The Lovász extension of 1 − IoU (Berman et al., CVPR 2018, eq. 11), shown classes, by picture."""
    probabilities = logits.softmax(dim=1)
    return torch.stack(
        [_lovasz(rows, labels) for rows, labels in zip(probabilities, targets, strict=True)]
    ).mean()


def _lovasz(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Of one picture: `probabilities` (classes, h, w), `labels` (h, w)."""
    judged = labels != VOID
    shown = torch.unique(labels[judged]).long()
    if not len(shown):
        return probabilities.sum() * 0
    truth = (labels[judged][None] == shown[:, None]).to(probabilities.dtype)  # (shown, pixels)
    errors = (truth - probabilities[:, judged][shown]).abs()
    errors, order = errors.sort(dim=1, descending=True)
    truth = truth.gather(1, order)
    total = truth.sum(1, keepdim=True)
    jaccard = 1 - (total - truth.cumsum(1)) / (total + (1 - truth).cumsum(1))
    gradient = jaccard.diff(dim=1, prepend=jaccard.new_zeros(len(shown), 1))  # alg. 1 of the paper
    losses: Tensor = (errors * gradient).sum(1)
    return losses.mean()


def boundary(logits: Tensor, distances: Tensor, targets: Tensor) -> Tensor:
    """Σ_c p_c φ_c, mean over a picture's judged pixels (Kervadec et al., MIDL 2019, eq. 5).

    `distances` φ (b, classes, h, w) are `ops.distances.signed_distances`: what lies deep in another class
    costs its depth, what lies deep in its own class earns it. It may be negative and goes with a region loss.
    """
    return _mean_of_pictures((logits.softmax(dim=1) * distances).sum(1), targets)


def _mean_of_pictures(losses: Tensor, targets: Tensor) -> Tensor:
    """(b, h, w): the mean over each picture's judged pixels, then over the pictures."""
    judged = targets != VOID
    return ((losses * judged).sum((1, 2)) / judged.sum((1, 2)).clamp_min(1)).mean()


def _one_hot(targets: Tensor, logits: Tensor) -> Tensor:
    """(b, classes, h, w) in the logits' type; nothing where it is `VOID`."""
    classes = torch.arange(logits.shape[1], device=targets.device)
    return (targets[:, None] == classes[:, None, None]).to(logits.dtype)

"""Inception score: how sure a classifier is of single samples, and how evenly it sees all its classes.

Salimans et al., "Improved techniques for training GANs", NIPS 2016 (arXiv:1606.03498), §4. It sees no real
sample, and means nothing without the name of the classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.types.errors import InputError


def inception_score(probabilities: Tensor, *, splits: int = 10) -> tuple[float, float]:
    """exp E[KL(p(y|x) ‖ p(y))] of (n, k) probabilities, from 1 to k: mean and standard deviation over so many
    parts, in the order in which they come.
    """
    count, scores = len(probabilities), []
    if count < splits:
        raise InputError(f"an inception score over {splits} parts needs as many samples; got {count}")
    for place in range(splits):
        part = probabilities[place * count // splits : (place + 1) * count // splits].double()
        marginal = part.mean(0, keepdim=True)
        divergence = torch.special.xlogy(part, part) - torch.special.xlogy(part, marginal)
        scores.append(divergence.sum(1).mean().exp())
    found = torch.stack(scores)
    return float(found.mean()), float(found.std(correction=0))

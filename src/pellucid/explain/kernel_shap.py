"""Kernel SHAP: Lundberg & Lee 2017, "A unified approach to interpreting model predictions", NIPS
(arXiv:1705.07874), on the parts of a picture.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.looking import Options, Seen, pictures_alone
from pellucid.explain.superpixels import superpixels
from pellucid.explain.target import Target
from pellucid.explain.trying import AT_ONCE, tried
from pellucid.ops.random import seed_of
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

EXACT = 10
"""Up to so many parts, all coalitions are tried, and the values are Shapley's own."""


def kernel_shap(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    parts: int = 50,
    samples: int = 500,
    hidden_by: str = "mean",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Heatmap:
    """The Shapley value of each superpixel, evenly over its pixels, so that the map sums to f(picture) −
    f(all hidden): of all ways to put the picture together part by part, what each part brings on average.

    `samples` coalitions of parts are drawn, each with its complement; they are the same for all pictures.
    """
    if samples < 2:
        raise InputError(f"expected at least 2 samples; got {samples}")
    with pictures_alone(model, inputs, target) as seen:
        cover = baseline(seen.inputs, hidden_by, preprocessing, seed)
        values = [
            _of_picture(
                model, seen, cover, place, superpixels(seen.inputs[place], parts), samples, seed, batch
            )
            for place in range(len(seen.inputs))
        ]
    options: Options = {"parts": parts, "samples": samples, "hidden_by": hidden_by, "seed": seed}
    maps = torch.stack([value for value, _ in values])
    empty = torch.stack([score for _, score in values])
    return seen.heatmap(maps, "kernel-shap", options=options, scores={"all hidden": empty})


def _of_picture(
    model: nn.Module,
    seen: Seen,
    cover: Tensor,
    place: int,
    labels: Tensor,
    samples: int,
    seed: int,
    batch: int,
) -> tuple[Tensor, Tensor]:
    """The map (h, w) of one picture, and the score when all of it is hidden."""
    picture, hidden, count = seen.inputs[place], cover[place], int(labels.max()) + 1
    labels = labels.to(picture.device)
    coalitions, weights = coalitions_of(count, samples, seed_of(seed))
    present = torch.from_numpy(np.concatenate([np.zeros((1, count), bool), coalitions])).to(picture.device)

    def together(numbers: Tensor) -> Tensor:
        return torch.where(present[numbers][:, labels][:, None], picture, hidden)

    rows = torch.full((len(present),), place, device=picture.device)
    scores = tried(model, seen.settled, rows, together, batch)
    gains = (scores[1:] - scores[0]).double().cpu().numpy()
    shares = shapley(coalitions, weights, gains, float(seen.scores[place] - scores[0]))
    each = torch.from_numpy(shares).float().to(picture.device) / torch.bincount(labels.flatten())
    return each[labels], scores[0]


def coalitions_of(parts: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which parts are there (n, parts) bool, neither none nor all, and the weight of each coalition (n,).

    All of them with Shapley's kernel (parts − 1) / (C(parts, k) k (parts − k)) as weight where there are few
    parts; else random ones, whose sizes k are drawn in proportion to the whole weight of that size, in pairs
    with their complements, and all weigh the same.
    """
    sizes = np.arange(1, parts)
    if parts <= EXACT:
        everything = np.array(list(itertools.product([False, True], repeat=parts)))[1:-1]
        kernel = np.array([0.0, *((parts - 1) / (math.comb(parts, k) * k * (parts - k)) for k in sizes)])
        return everything, kernel[everything.sum(1)]
    generator = np.random.default_rng(seed)
    likely = 1 / (sizes * (parts - sizes))
    drawn = generator.choice(sizes, samples // 2, p=likely / likely.sum())
    half = np.zeros((len(drawn), parts), bool)
    for row, size in zip(half, drawn, strict=True):
        row[generator.choice(parts, size, replace=False)] = True
    return np.concatenate([half, ~half]), np.ones(2 * len(drawn))


def shapley(coalitions: np.ndarray, weights: np.ndarray, gains: np.ndarray, whole: float) -> np.ndarray:
    """The values φ (parts,) that minimise Σ w (Σ_{i there} φ_i − gain)² and sum to `whole`.

    The last value is what is left of the sum, so that it is a plain least-squares problem in the others.
    """
    last = coalitions[:, -1].astype(float)
    design = coalitions[:, :-1] - last[:, None]
    root = np.sqrt(weights)
    others = np.linalg.lstsq(design * root[:, None], (gains - whole * last) * root, rcond=None)[0]
    return np.append(others, whole - others.sum())


METHODS = {"kernel-shap": kernel_shap}

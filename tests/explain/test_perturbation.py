"""Methods that try altered pictures, against loops, Shapley's definition, and their axioms."""

from __future__ import annotations

import itertools
import math

import captum.attr
import numpy as np
import pytest
import torch
from tests.explain.networks import Plain, Small, pictures
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.kernel_shap import coalitions_of, kernel_shap, shapley
from pellucid.explain.occlusion import occlusion
from pellucid.explain.rise import random_masks, rise
from pellucid.explain.superpixels import superpixels
from pellucid.explain.target import class_logit
from pellucid.types.errors import InputError

TARGET = class_logit(2)


def test_occlusion_is_a_loop_over_windows() -> None:
    model, x = Small().eval(), pictures(2, 11)
    found = occlusion(model, x, TARGET, window=4, stride=3, hidden_by="zero")
    total, count = torch.zeros(2, 11, 11), torch.zeros(11, 11)
    with torch.no_grad():
        for top, left in itertools.product((0, 3, 6, 7), repeat=2):
            hidden = x.clone()
            hidden[:, :, top : top + 4, left : left + 4] = 0
            total[:, top : top + 4, left : left + 4] += (model(x) - model(hidden))[:, 2].view(2, 1, 1)
            count[top : top + 4, left : left + 4] += 1
    torch.testing.assert_close(found.values, total / count, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="got a window of 12"):
        occlusion(model, x, window=12)


def test_occlusion_is_captums_where_windows_tile() -> None:
    model, x = Plain(), pictures(2, 12)
    theirs = captum.attr.Occlusion(model).attribute(x, (3, 4, 4), strides=(3, 4, 4), baselines=0, target=2)
    ours = occlusion(model, x, TARGET, window=4, stride=4, hidden_by="zero")
    torch.testing.assert_close(ours.values, theirs[:, 0], rtol=1e-4, atol=1e-5)


class Corner(nn.Module):
    """Looks at the upper left quarter alone."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        score = x[:, :, :half, :half].mean((1, 2, 3))
        return torch.stack([score, -score, 2 * score], 1)


def test_what_the_network_does_not_look_at_gets_nothing() -> None:
    x = pictures(1, 16).abs() + 1
    seen = occlusion(Corner(), x, TARGET, window=4, stride=2, hidden_by="zero").values[0]
    assert float(seen[10:, 10:].abs().max()) < 1e-6 < float(seen[:6, :6].min())
    found = rise(Corner(), x, TARGET, masks=400, cells=4, hidden_by="zero").values[0]
    assert float(found[:6, :6].mean()) > 4 * float(found[11:, 11:].abs().mean())
    parts = kernel_shap(Corner(), x, TARGET, parts=9, hidden_by="zero").values[0]
    assert float(parts[-1, -1].abs()) < 1e-5 < float(parts[0, 0])


def test_rise_is_a_loop_over_its_masks_and_knows_constants() -> None:
    model, x = Small().eval(), pictures(2, 12)
    found = rise(model, x, TARGET, masks=20, cells=3, hidden_by="zero", seed=5)
    masks = random_masks(20, 3, 0.5, (12, 12), 5)
    with torch.no_grad():
        scores = torch.stack([model(x * mask)[:, 2] for mask in masks])
    above = ((scores - scores.mean(0))[:, :, None, None] * masks[:, None]).sum(0) / masks.sum(0)
    torch.testing.assert_close(found.values, above, rtol=1e-3, atol=1e-5)
    assert found.options["seed"] == 5

    class Deaf(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 0 * x.mean((2, 3)) + 7

    assert float(rise(Deaf(), x, TARGET, masks=50).values.abs().max()) < 1e-5


def test_masks_are_half_there() -> None:
    masks = random_masks(300, 7, 0.3, (30, 40), 0)
    assert float(masks.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(masks.min()) == 0
    assert float(masks.max()) == 1


def exact_shapley(value: dict[tuple[bool, ...], float], parts: int) -> list[float]:
    """The definition: the mean over all orders of what a part brings."""
    found = [0.0] * parts
    for order in itertools.permutations(range(parts)):
        there = [False] * parts
        for part in order:
            before = value[tuple(there)]
            there[part] = True
            found[part] += (value[tuple(there)] - before) / math.factorial(parts)
    return found


def test_all_coalitions_give_shapleys_values() -> None:
    generator = np.random.default_rng(0)
    every = list(itertools.product([False, True], repeat=5))
    value = {each: float(generator.normal()) for each in every}
    value[every[0]] = 0.0
    coalitions, weights = coalitions_of(5, 0, 0)
    gains = np.array([value[tuple(map(bool, each))] for each in coalitions])
    found = shapley(coalitions, weights, gains, value[every[-1]])
    np.testing.assert_allclose(found, exact_shapley(value, 5), atol=1e-10)


def test_sampled_values_come_near_and_sum_exactly() -> None:
    generator = np.random.default_rng(1)
    own, pairs = generator.normal(size=12), generator.normal(size=(12, 12)) * 0.2
    pairs = np.triu(pairs, 1)
    coalitions, weights = coalitions_of(12, 4000, 0)
    z = coalitions.astype(float)
    gains = z @ own + np.einsum("ni,ij,nj->n", z, pairs, z)
    whole = float(own.sum() + pairs.sum())
    found = shapley(coalitions, weights, gains, whole)
    expected = own + (pairs.sum(0) + pairs.sum(1)) / 2  # of pairs each part has half
    assert found.sum() == pytest.approx(whole)
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_kernel_shap_sums_to_what_the_picture_brings() -> None:
    model, x = Small().eval(), pictures(2, 12)
    found = kernel_shap(model, x, TARGET, parts=16, samples=100)
    with torch.no_grad():
        change = model(x)[:, 2] - model(baseline(x, "mean"))[:, 2]
    torch.testing.assert_close(found.values.sum((1, 2)), change, rtol=1e-3, atol=1e-4)


def test_superpixels_follow_colours_and_are_connected() -> None:
    from scipy import ndimage

    picture = torch.zeros(3, 40, 60)
    picture[:, 10:30, 22:50] = 1.0
    picture += 0.02 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    labels = superpixels(picture, 24)
    inside = picture[0] > 0.5
    mixed = sum(
        min(int((inside & (labels == each)).sum()), int((~inside & (labels == each)).sum()))
        for each in labels.unique()
    )
    assert mixed < 0.03 * labels.numel()
    assert 12 <= len(labels.unique()) <= 30
    assert labels.unique().tolist() == list(range(int(labels.max()) + 1))
    assert all(ndimage.label((labels == each).numpy())[1] == 1 for each in labels.unique())

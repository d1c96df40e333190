"""Scores of maps against loops, dense linear algebra, another implementation, and networks that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.explain.networks import Small, pictures
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.faithfulness.check import BETTER, Effort, check, judge
from pellucid.explain.faithfulness.curves import area, deletion_curve, insertion_curve
from pellucid.explain.faithfulness.order import ranks
from pellucid.explain.faithfulness.pointing import masks_of_boxes, pointing_game
from pellucid.explain.faithfulness.randomisation import cascading_randomisation
from pellucid.explain.faithfulness.road import NEIGHBOURS, imputed, road
from pellucid.explain.gradients import input_x_gradient, saliency
from pellucid.explain.target import Target, class_logit
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

TARGET = class_logit(2)


class Linear(nn.Module):
    """Scores are weighted sums of pixels, so that what each pixel brings is known."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        weight = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(3))
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchw,kchw->bk", x, self.weight)


def heatmap(values: Tensor, size: tuple[int, int]) -> Heatmap:
    return Heatmap(values, "by hand", ("it",) * len(values), size)


def truth(model: Linear, x: Tensor) -> Tensor:
    """What each pixel brings to class 2, next to each picture's mean colour."""
    return ((x - baseline(x, "mean")) * model.weight[2]).sum(1).detach()


def test_curves_are_a_loop_over_pixels() -> None:
    model, x = Small().eval(), pictures(2, 8)
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    by = judge(model, x, TARGET)
    for curve, start, end in (
        (deletion_curve, x, baseline(x, "mean")),
        (insertion_curve, baseline(x, "blurred"), x),
    ):
        found = curve(model, x, maps, by.judged, steps=4, batch=3)
        for place in range(2):
            order = sorted(range(64), key=lambda pixel, place=place: -float(maps[place].flatten()[pixel]))
            for step in range(5):
                picture = start[place].clone().flatten(1)
                chosen = order[: step * 16]
                picture[:, chosen] = end[place].flatten(1)[:, chosen]
                with torch.no_grad():
                    score = float(model(picture.view(1, 3, 8, 8))[0, 2])
                assert found[place, step] == pytest.approx(score, abs=1e-4)
    np.testing.assert_allclose(area(np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])), [0.5, 1.0])


def test_the_true_map_beats_a_random_one_and_its_negative_loses() -> None:
    model, x = Linear(), pictures(4, 8)
    found = check(model, x, heatmap(truth(model, x), (8, 8)), TARGET, Effort(steps=16))
    assert set(found.scores) == set(BETTER)
    beside = found.beside(heatmap(truth(model, x), (8, 8)))
    assert beside[1].scores["deletion of a random map"] == (found.random["deletion"][1],)
    for name in ("deletion", "infidelity"):
        assert all(found.better(name)), name
    assert max(found.scores["infidelity"]) < 1e-3  # the definition: it foretells every fall
    assert min(found.random["infidelity"]) > 0.05
    worst = check(model, x, heatmap(-truth(model, x), (8, 8)), TARGET, Effort(("deletion", "road"), 16))
    assert not any(worst.better("deletion"))
    best = check(model, x, heatmap(truth(model, x), (8, 8)), TARGET, Effort(("road",)))
    assert np.mean(best.scores["road"]) > np.mean(best.random["road"]) > np.mean(worst.scores["road"])


def test_a_probability_is_judged_where_no_target_is_given() -> None:
    model, x = Small().eval(), pictures(2, 8)
    by = judge(model, x)
    assert by.of == "the probability"
    with torch.no_grad():
        expected = model(x).softmax(1).amax(1)
        torch.testing.assert_close(by.judged(model(x)), expected)
    with pytest.raises(InputError, match="2 pictures of 9×9; got 2 of 8×8"):
        check(model, x, heatmap(torch.rand(2, 4, 4), (9, 9)))
    with pytest.raises(InputError, match="did you mean 'deletion'"):
        Effort(("deletions",))


def test_equal_values_are_not_taken_in_reading_order() -> None:
    places = ranks(torch.zeros(1, 20, 20))
    assert sorted(places.flatten().tolist()) == list(range(400))
    first = (places[0] < 100).nonzero().double()
    assert 5 < float(first[:, 0].mean()) < 14


def test_imputed_pixels_are_means_of_their_neighbours() -> None:
    picture = pictures(1, 7)[0].double()
    gone = torch.rand(7, 7, generator=torch.Generator().manual_seed(4)).numpy() < 0.6
    found = imputed(picture, gone, 0.0, 0).numpy()
    np.testing.assert_array_equal(found[:, ~gone], picture.numpy()[:, ~gone])
    for y, x in zip(*np.nonzero(gone), strict=True):
        near = [
            (weight, found[:, y + down, x + right])
            for (down, right), weight in NEIGHBOURS.items()
            if 0 <= y + down < 7 and 0 <= x + right < 7
        ]
        mean = sum(weight * value for weight, value in near) / sum(weight for weight, _ in near)
        np.testing.assert_allclose(found[:, y, x], mean, atol=1e-4)
    assert np.isfinite(imputed(picture, np.ones((7, 7), bool), 0.1, 0).numpy()).all()


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_imputation_is_that_of_pytorch_grad_cam_inside() -> None:
    imputer = pytest.importorskip("pytorch_grad_cam.metrics.road").NoisyLinearImputer(noise=0.0)
    picture = pictures(1, 12)[0]
    gone = np.zeros((12, 12), bool)
    gone[3:7, 4:9] = True  # their border weighs otherwise
    theirs = imputer(picture, torch.from_numpy(1.0 - gone.astype(np.float32)))
    torch.testing.assert_close(imputed(picture, gone, 0.0, 0), theirs.float(), rtol=1e-3, atol=1e-3)


def test_road_takes_away_what_it_says() -> None:
    model, x = Linear(), pictures(2, 8)
    by = judge(model, x, TARGET)
    maps = truth(model, x)
    most, _ = road(model, x, maps, by.judged, shares=(0.25,), noise=0.0)
    gone = (ranks(maps) < 16).numpy()
    with torch.no_grad():
        expected = model(torch.stack([imputed(x[i], gone[i], 0.0, 0) for i in range(2)]))[:, 2]
    torch.testing.assert_close(most, expected)


def test_pointing_game() -> None:
    values = torch.zeros(3, 4, 4)
    values[0, 1, 2], values[1, 3, 3] = 1.0, 1.0
    masks = masks_of_boxes(torch.tensor([[4.0, 2.0, 6.0, 4.0]] * 3), (8, 8))
    assert masks[0].nonzero().tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    assert pointing_game(heatmap(values, (8, 8)), masks).tolist() == [True, False, False]
    assert pointing_game(heatmap(values, (8, 8)), masks, tolerance=6).tolist() == [True, True, False]
    with pytest.raises(InputError, match="masks are bool"):
        pointing_game(heatmap(values, (8, 8)), masks.float())


def test_randomisation_tells_edges_from_what_was_learnt() -> None:
    """An edge detector stays as it is; a gradient does not; and the network keeps its weights."""
    model, x = Small().eval(), pictures(2, 12)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def edges(model: nn.Module, inputs: Tensor, target: Target) -> Heatmap:
        values = inputs.diff(dim=3, append=inputs[..., -1:]).abs().sum(1)
        return heatmap(values, (12, 12))

    still = cascading_randomisation(model, x, edges)
    assert all(likeness == pytest.approx(1.0) for step in still for likeness in step.likeness)
    moved = cascading_randomisation(model, x, saliency)
    assert [step.layer for step in moved] == ["head", "norm2", "conv2", "norm1", "conv1"]
    assert max(moved[-1].likeness) < 0.9
    few = cascading_randomisation(model, x, input_x_gradient, points=2)
    assert [step.layer for step in few] == ["head", "conv1"]
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)

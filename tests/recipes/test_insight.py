"""What a report is told of a network's inside is what the network computes, and nothing stops a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.data.loading import normalise
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.explain.cam_gradient import grad_cam
from pellucid.recipes.insight import has_insight, look_into
from pellucid.runs.folder import RunFolder
from pellucid.runs.insight import read_insight, write_insight
from pellucid.types.evaluation import Evaluation
from pellucid.types.insight import Insight

WRONG = [3, 11, 5]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 10),
    )


@pytest.fixture(scope="module")
def data() -> Data:
    return open_data(DataSettings(name="digits"))


@pytest.fixture(scope="module")
def evaluation(data: Data) -> Evaluation:
    nothing = np.empty(0)
    return Evaluation(split="test", step=7, metrics={}, outputs=nothing, targets=nothing, indices=nothing)


def seen(data: Data, indices: Tensor) -> Tensor:
    return normalise(data.splits["test"].fetch(indices), data.info.preprocessing).inputs


def test_mistakes_are_explained_by_grad_cam(data: Data, evaluation: Evaluation) -> None:
    model = network()
    found = look_into(model, data, evaluation, WRONG)
    assert found.mistakes is not None
    assert found.left_out == ()
    expected = grad_cam(model, seen(data, torch.tensor(WRONG)))
    torch.testing.assert_close(found.mistakes.heatmap.values, expected.values)
    labels = data.splits["test"].fetch(torch.tensor(WRONG)).targets.tolist()
    assert found.mistakes.truths == tuple(data.info.classes[label] for label in labels)
    assert all(text.startswith("said ") for text in found.mistakes.heatmap.targets)


def test_a_filters_answer_to_its_crop_is_the_value(data: Data, evaluation: Evaluation) -> None:
    """The crop, seen as the network sees pictures, under the filter is the number beside it, wherever no
    padding is in the window.
    """
    model = network()
    filters = look_into(model, data, evaluation, []).filters
    assert filters is not None
    assert filters.crops.shape == (4, 8, 1, 5, 5)
    crops = torch.from_numpy(filters.crops.reshape(-1, 1, 5, 5))
    batch = replace(data.splits["test"].fetch(torch.tensor([0])), inputs=crops)
    inputs = normalise(batch, data.info.preprocessing).inputs
    answers = nn.functional.conv2d(inputs, model[0].weight, model[0].bias).reshape(4, 8, 4)
    own = torch.stack([answers[channel, :, channel] for channel in range(4)]).detach().numpy()
    maps = model[0](seen(data, torch.arange(len(data.splits["test"])))).detach()
    np.testing.assert_allclose(filters.values[:, 0], maps.amax((0, 2, 3)), rtol=1e-5)
    assert np.isclose(own, filters.values, rtol=1e-4).mean() > 0.5
    assert (np.diff(filters.values, axis=1) <= 0).all()


def test_what_is_kept_is_read_back(data: Data, evaluation: Evaluation, tmp_path: Path) -> None:
    found = look_into(network(), data, evaluation, WRONG)
    run = RunFolder(tmp_path)
    assert read_insight(run) is None
    write_insight(run, found)
    again = read_insight(run)
    assert again is not None
    assert again.mistakes is not None
    assert again.filters is not None
    assert again.embedded is not None
    torch.testing.assert_close(again.mistakes.heatmap.values, found.mistakes.heatmap.values)
    assert again.mistakes.heatmap.targets == found.mistakes.heatmap.targets
    np.testing.assert_array_equal(again.filters.crops, found.filters.crops)
    np.testing.assert_array_equal(again.embedded.places, found.embedded.places)
    assert (again.embedded.words, again.left_out) == (found.embedded.words, found.left_out)


def test_a_network_without_maps_has_a_map_of_pictures_alone(data: Data, evaluation: Evaluation) -> None:
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(1024, 16), nn.ReLU(), nn.Linear(16, 10))
    found = look_into(dense, data, evaluation, WRONG)
    assert (found.mistakes, found.filters) == (None, None)
    assert found.embedded is not None
    assert found.embedded.layer == "2"
    assert "no layer that is still a map" in found.left_out[0]


def test_a_network_that_cannot_be_looked_into_ends_no_run(data: Data, evaluation: Evaluation) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("CUDA out of memory")

    found = look_into(Broken(), data, evaluation, WRONG)
    assert isinstance(found, Insight)
    assert (found.mistakes, found.filters, found.embedded) == (None, None, None)
    assert found.left_out


def test_only_one_class_a_picture_is_looked_into(data: Data) -> None:
    assert has_insight(data.info)
    for other in ({"multilabel": True}, {"label_maps": True}, {"classes": ()}, {"shape": (9,)}):
        assert not has_insight(replace(data.info, **other))

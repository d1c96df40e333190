"""What excites channels most in a data set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.inspection.capture import capture
from pellucid.inspection.positions import channel_dimension
from pellucid.inspection.strongest import strongest
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 4, 3),
        nn.Flatten(),
        nn.Linear(100, 6),
    )


def batches(count: int, size: int) -> list[Batch]:
    inputs = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    indices = torch.arange(count) * 3
    return [Batch(inputs[i : i + size], torch.empty(0), indices[i : i + size]) for i in range(0, count, size)]


@pytest.mark.parametrize("size", [1, 4, 23])
def test_as_a_full_sort_says(model: nn.Module, size: int) -> None:
    found = strongest(model, ["0", "3", "5"], batches(23, size), k=4)
    (whole,) = batches(23, 23)
    with capture(model, ["0", "3", "5"]) as seen, torch.no_grad():
        model(whole.inputs)
    for name, each in found.items():
        output = seen.outputs[name, 0]
        values, order = (
            output.flatten(2).amax(2).sort(0, descending=True)
            if output.ndim > 2
            else output.sort(0, descending=True)
        )
        torch.testing.assert_close(each.values, values[:4].mT)
        assert torch.equal(each.indices, order[:4].mT * 3)
    row, column = found["3"].places[2, 0].tolist()
    sample = int(found["3"].indices[2, 0]) // 3
    torch.testing.assert_close(seen.outputs["3", 0][sample, 2, row, column], found["3"].values[2, 0])
    assert found["5"].places.shape == (6, 4, 0)


def test_nothing_outside_the_window_matters(model: nn.Module) -> None:
    found = strongest(model, ["3"], batches(8, 8), k=2)["3"]
    (whole,) = batches(8, 8)
    top, left, bottom, right = found.window(1, 0, (16, 16))
    assert (bottom - top, right - left) == (8, 8)
    picture = torch.randn(1, 3, 16, 16)
    picture[..., top:bottom, left:right] = whole.inputs[
        int(found.indices[1, 0]) // 3, :, top:bottom, left:right
    ]
    row, column = found.places[1, 0].tolist()
    with torch.no_grad():
        again = model[:4](picture)[0, 1, row, column]
    torch.testing.assert_close(again, found.values[1, 0])


def test_fewer_pictures_than_asked_and_none(model: nn.Module) -> None:
    assert strongest(model, ["0"], batches(3, 2), k=9)["0"].values.shape == (5, 3)
    with pytest.raises(InputError, match="no picture"):
        strongest(model, ["0"], [], k=9)
    with pytest.raises(InputError, match="no layer is called"):
        strongest(model, ["7"], batches(3, 2))


@pytest.mark.parametrize(
    ("shape", "picture", "dimension"),
    [
        ((2, 9), (8, 8), 1),
        ((2, 65, 12), (8, 8), 2),
        ((2, 12, 7, 7), (224, 224), 1),
        ((2, 7, 7, 12), (224, 224), 3),
        ((2, 7, 7, 7), (224, 224), 1),
        ((2, 7, 14, 30), (224, 448), 3),
        ((2, 30, 7, 14), (220, 448), 1),
    ],
)
def test_where_channels_are(shape: tuple[int, ...], picture: tuple[int, int], dimension: int) -> None:
    assert channel_dimension(shape, picture) == dimension


def test_clips_are_refused() -> None:
    with pytest.raises(InputError, match="tokens"):
        channel_dimension((1, 2, 3, 4, 5), (8, 8))

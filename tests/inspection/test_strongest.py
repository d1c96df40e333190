"""What excites channels most in a data set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.inspection.capture import capture
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


def test_channels_are_where_the_network_keeps_them() -> None:
    """Maps of windows with as many places as channels: their shapes say nothing, the flow of data does."""
    torch.manual_seed(0)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.dense = nn.Conv2d(3, 4, 4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dense(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2))

    model, (whole,) = Last(), batches(6, 6)
    found = strongest(model, ["dense"], [whole], k=1)["dense"]
    expected = model.dense(model.conv(whole.inputs).permute(0, 2, 3, 1)).amax((1, 2)).max(0)
    torch.testing.assert_close(found.values[:, 0], expected.values.detach())
    assert found.indices[:, 0].tolist() == (3 * expected.indices).tolist()


def test_pieces_of_pictures_are_refused() -> None:
    """Windows stand in the batch's place: their vectors are no picture's."""

    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.dense = nn.Conv2d(3, 5, 1), nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pieces = self.conv(x).reshape(-1, 5, 2, 8, 2, 8).permute(0, 2, 4, 3, 5, 1).reshape(-1, 64, 5)
            return self.dense(pieces).reshape(len(x), -1).mean(1, keepdim=True)

    with pytest.raises(InputError, match="pieces of pictures"):
        strongest(Windows(), ["dense"], batches(4, 4))

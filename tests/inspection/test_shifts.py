"""Pooling calms small shifts, the more the larger its windows; a flat layer passes them on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.shifts import shift_responses
from pellucid.types.errors import InputError


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Rectified responses of random filters, as pooling meets them."""
    torch.manual_seed(0)
    noise = F.avg_pool2d(torch.randn(4, 3, 72, 72), 5, 1)
    return F.conv2d(noise, torch.randn(8, 3, 3, 3)).relu()


def share(layer: nn.Module, pictures: Tensor, shift: int = 1) -> float:
    return shift_responses(layer, pictures, [shift])[0].passed_on


@pytest.mark.parametrize("pool", [nn.MaxPool2d, nn.AvgPool2d])
def test_the_larger_the_window_the_less_is_passed_on(pool: type[nn.Module], pictures: Tensor) -> None:
    shares = [share(pool(size), pictures) for size in (1, 2, 4, 8)]
    assert shares[0] == pytest.approx(1, abs=0.05)  # every pixel for itself
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.6


def test_a_global_average_hardly_sees_a_shift(pictures: Tensor) -> None:
    assert share(nn.AdaptiveAvgPool2d(1), pictures) < 0.1


def test_further_shifts_change_more(pictures: Tensor) -> None:
    found = shift_responses(nn.MaxPool2d(4), pictures, [1, 2, 4])
    assert [each.shift for each in found] == [1, 2, 4]
    assert found[0].answer < found[1].answer < found[2].answer


def test_the_change_by_hand() -> None:
    x = torch.zeros(1, 1, 6, 6)
    x[0, 0, 2, 2] = 1.0
    (found,) = shift_responses(nn.Identity(), x, [1])
    assert found.picture == pytest.approx(2**0.5)
    assert found.answer == found.picture
    (pooled,) = shift_responses(lambda x: F.max_pool2d(x, 4), x, [1])
    assert pooled.answer == 0.0


def test_the_layer_keeps_its_mode(pictures: Tensor) -> None:
    layer = nn.Sequential(nn.BatchNorm2d(8), nn.MaxPool2d(2))
    shift_responses(layer, pictures)
    assert layer.training
    assert int(layer[0].num_batches_tracked) == 0


@pytest.mark.parametrize(
    ("shape", "shifts", "said"),
    [
        ((1, 1, 8, 8), [0], "from 1 on"),
        ((1, 1, 8, 8), [], "got none"),
        ((1, 1, 8, 8), [4], "more than 8 pixels"),
    ],
)
def test_shifts_that_cannot_be(shape: tuple[int, ...], shifts: list[int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        shift_responses(nn.Identity(), torch.zeros(shape), shifts)

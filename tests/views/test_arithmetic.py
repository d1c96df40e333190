"""A unit's arithmetic as figure and text: the numbers that add up are the ones shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.inspection.arithmetic.unit import unit
from pellucid.inspection.arithmetic.watching import Watched, watch
from pellucid.views.arithmetic import arithmetic_figure
from pellucid.views.arithmetic_text import arithmetic_text
from pellucid.views.marks import Bars, Boxes, Heat, Text
from pellucid.views.numbered import decimals, fixed


@pytest.fixture(scope="module")
def watched() -> Watched:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(6, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64, 20), nn.Softmax(1),
    ]  # fmt: skip
    return watch(nn.Sequential(*layers), [torch.randn(1, 6, 8, 8)])


def test_windows_kernels_and_products_add_up_in_the_figure(watched: Watched) -> None:
    record = unit(watched, "0[2, 0, 3]")
    figure = arithmetic_figure(record, most=4)
    window, kernel, products, sums = figure.panels
    assert (window.title, kernel.title, products.title) == ("input window", "× kernel", "= products")
    heats = [
        [mark.values for mark in panel.marks if isinstance(mark, Heat)]
        for panel in (window, kernel, products)
    ]
    for inside, weights, product in zip(*heats, strict=True):
        assert np.isnan(inside[0]).all()  # the padding
        np.testing.assert_allclose(np.nan_to_num(inside) * weights, product)
    bars = [mark for mark in sums.marks if isinstance(mark, Bars)]
    added, total = bars[0].values, bars[1].values
    assert len(added) == 4 + 1 + 1  # four channels, the other two, the bias
    assert added.sum() == pytest.approx(total[0])
    assert total[0] == record.value
    assert sums.y.ticks is not None
    assert any(word.startswith("other 2") for _, word in sums.y.ticks)
    assert "55 weights, 54 multiplications" in figure.caption


def test_the_winner_is_framed(watched: Watched) -> None:
    record = unit(watched, "3[1, 1, 2]")
    window, steps = arithmetic_figure(record).panels
    (frame,) = (mark for mark in window.marks if isinstance(mark, Boxes))
    left, top = np.floor(frame.corners[0, :2]).astype(int)
    assert record.operands[0].values[top, left] == record.value
    assert any(isinstance(mark, Text) and mark.text.startswith("2[1, ") for mark in steps.marks)


@pytest.mark.parametrize("address", ["1[1, 1, 2]", "2[1, 1, 2]", "4[7]", "5[3]", "6[3]", ":input[0, 1, 2]"])
def test_every_kind_is_drawn_and_told(watched: Watched, address: str) -> None:
    record = unit(watched, address)
    figure = arithmetic_figure(record)
    assert figure.title.startswith(f"{address} = ")
    figure.to_html()
    figure.to_mpl()
    text = arithmetic_text(record)
    assert text.startswith(f"{address} = ")
    assert "what the network itself computed" in text


def test_text_shows_padding_as_a_dot_and_the_rest_honestly(watched: Watched) -> None:
    text = arithmetic_text(unit(watched, "0[2, 0, 3]"), most=2)
    assert "·" in text
    assert "the other 4 channels add" in text
    assert "55 weights, 54 multiplications, one unit of 4×8×8" in text


def test_what_is_unknown_is_one_sentence() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cumsum(1)

    record = unit(watch(Odd(), [torch.randn(1, 4)]), "[2]")
    assert "no rule for cumsum" in arithmetic_text(record)
    assert "no rule for cumsum" in arithmetic_figure(record).caption


@pytest.mark.parametrize(
    ("values", "places", "said"),
    [([0.1234, -0.5], 3, "0.123"), ([12.0, 3.0], 1, "12.0"), ([0.0, 0.0], 0, "0"), ([1234.0], 0, "1234")],
)
def test_numbers_of_one_tile_have_the_same_decimals(values: list[float], places: int, said: str) -> None:
    assert decimals(np.array(values)) == places
    assert fixed(values[0], places) == said
    assert fixed(-1e-9, 2) == "0.00"

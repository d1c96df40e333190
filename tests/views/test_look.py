"""Figures of what a picture is inside a network."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.types.arithmetic import Arithmetic, Step
from pellucid.types.look import ChannelLook, Field, LayerLook, UnitLook
from pellucid.views.colours import signed
from pellucid.views.look import channel_figure, layer_figure, network_strip, unit_figure
from pellucid.views.marks import Boxes, Heat, Tiles
from pellucid.views.terminal import blocks

PICTURE = np.random.default_rng(0).integers(0, 256, (3, 24, 32), np.uint8)


@pytest.fixture
def layer() -> LayerLook:
    maps = np.random.default_rng(1).normal(size=(20, 6, 8)).astype(np.float32)
    maps[3] *= 0.01
    kernels = np.random.default_rng(2).normal(size=(20, 3, 5, 5)).astype(np.float32)
    return LayerLook("conv", "Conv2d", "20 channels of 6 × 8", maps, maps, kernels, of_picture=True)


def test_channels_share_one_scale(layer: LayerLook) -> None:
    """Pitfall: each tile on its own scale, so that a dead channel looks alive."""
    figure = layer_figure(PICTURE, layer)
    tiles = figure.panels[1].marks[0]
    assert isinstance(tiles, Tiles)
    assert tiles.scale == signed(layer.values, "activation")
    assert np.ptp(tiles.scale.indices(tiles.values[3]).astype(int)) < 8
    assert figure.panels[2].title == "filters"
    strip = network_strip(PICTURE, [layer]).panels[1].marks[0]
    assert isinstance(strip, Tiles)
    assert strip.scale == tiles.scale
    assert not any("conv[3]" in name for name in strip.names)  # it varies least


def test_a_channel_and_a_unit(layer: LayerLook) -> None:
    place = tuple(map(int, np.unravel_index(layer.values[4].argmax(), (6, 8))))
    channel = ChannelLook(layer, 4, "conv[4, 1, 2]", place, Field((-1, 2, 6, 9), (0, 2, 6, 9), "exact"))
    figure = channel_figure(PICTURE, channel)
    assert figure.title == "conv[4]"
    assert "7 × 7 pixels, 7 × 6 of them in the picture" in figure.panels[2].caption
    influence = np.zeros((24, 32))
    influence[:2, 3:5] = 0.25
    sums = Arithmetic("conv[4, 1, 2]", "Conv2d", "conv2d", "formula", "a + b", 1.5, (Step("value", 1.5),))
    unit = UnitLook(channel, "conv[4, 1, 2]", 1.5, (1, 2), (4, 8, 8, 12), channel.field, influence, sums)
    drawn = unit_figure(PICTURE, unit)
    assert drawn.title == "conv[4, 1, 2] = 1.5"
    boxes = [mark for mark in drawn.panels[0].marks if isinstance(mark, Boxes)][-1]
    np.testing.assert_array_equal(boxes.corners, [[2, 0, 9, 6], [8, 4, 12, 8]])
    heat = next(mark for mark in drawn.panels[1].marks if isinstance(mark, Heat))
    assert np.isfinite(heat.values).sum() == 4
    for each in (figure, drawn):
        assert each.to_html()
        each.to_mpl()


def test_a_vector_has_bars(layer: LayerLook) -> None:
    values = np.array([1.0, -3.0, 2.0], np.float32)
    figure = layer_figure(PICTURE, LayerLook("fc", "Linear", "3 channels without positions", values))
    assert [word for _, word in figure.panels[1].y.ticks] == ["[1]", "[2]", "[0]"]


def test_blocks_of_colour_and_of_letters() -> None:
    values = np.array([[0.0, 1.0], [-1.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    scale = signed(values)
    coloured = blocks(values, scale, 10)
    assert coloured.plain == "▀▀\n▀▀"
    assert len(coloured.spans) == 4
    assert blocks(values, scale, 10, colours=False).plain == " @\n@@"
    assert blocks(np.ones((8, 40)), scale, 10).plain.split("\n")[0] == "▀" * 10

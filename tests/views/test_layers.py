from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pellucid.types.recording import Probes, Recording
from pellucid.views import layers, pictures
from pellucid.views.marks import Heat, Image, Lines, Tiles

PROBES = Probes("test", np.array([4, 7]), np.zeros((2, 1, 4, 4), np.uint8), np.array([1, 2]))


def _tiles(figure: object) -> Tiles:
    return figure.panels[0].marks[0]  # type: ignore[attr-defined, no-any-return]


def test_rgb_filters_are_grey_at_zero_and_share_one_scale(recordings: list[Recording]) -> None:
    scale = layers.filter_scale(recordings)
    assert scale is not None
    assert scale.high == max(np.abs(each.filters).max() for each in recordings if each.filters is not None)
    assert (_tiles(layers.filters(np.zeros((4, 3, 3, 3)), scale)).values == 128).all()
    last = recordings[-1].filters
    assert last is not None
    values = _tiles(layers.filters(last, scale)).values.astype(float)
    expected = 255 * (last.transpose(0, 2, 3, 1) / (2 * scale.high) + 0.5)
    np.testing.assert_allclose(values, expected, atol=0.51)


@pytest.mark.parametrize(("inputs", "count", "columns"), [(1, 6, 6), (4, 24, 4), (3, 6, 6)])
def test_filters_of_any_input(inputs: int, count: int, columns: int) -> None:
    tiles = _tiles(layers.filters(np.random.default_rng(0).normal(size=(6, inputs, 5, 5)).astype(np.float32)))
    assert (len(tiles.values), tiles.columns) == (count, columns)
    assert (tiles.scale is None) == (inputs == 3)


def test_what_is_left_out_is_said() -> None:
    figure = layers.filters(np.ones((200, 1, 3, 3), np.float32), most=64)
    assert "first 64 of 200" in figure.panels[0].caption


def test_feature_maps_show_one_probe_with_the_shared_scale(recordings: list[Recording]) -> None:
    scales = layers.map_scales(recordings)
    assert scales["relu"].high == max(float(each.maps["relu"].max()) for each in recordings)
    picture = np.zeros((8, 8), np.uint8)
    shown, maps = layers.feature_maps(recordings[1], 1, picture=picture, scales=scales).panels
    assert isinstance(shown.marks[0], Image)
    np.testing.assert_array_equal(maps.marks[0].values, recordings[1].maps["relu"][1])  # type: ignore[attr-defined]
    assert maps.key == scales["relu"]


def test_gradient_flow_is_the_log_of_the_norms(recordings: list[Recording]) -> None:
    flow, ends = layers.gradient_flow(recordings).panels
    heat = flow.marks[0]
    assert isinstance(heat, Heat)
    np.testing.assert_allclose(heat.values[0], np.log10(0.01 * np.array([1, 2, 11, 101])))
    assert np.isnan(heat.values[1]).all()  # a gradient of zero has no logarithm and is left without colour
    assert [word for _, word in flow.y.ticks or ()] == ["conv", "head"]
    assert isinstance(ends.marks[0], Lines)
    assert ends.marks[0].places[-1] == "step 100"


def test_dead_units_are_of_activation_layers(recordings: list[Recording]) -> None:
    share, last = layers.dead_units(recordings).panels
    assert share.frame == (1, 4)
    assert last.marks[0].values.tolist() == [0.25]  # type: ignore[attr-defined]


def test_a_statistic_that_no_layer_has_is_an_error(recordings: list[Recording]) -> None:
    bare = [replace(each, layers=each.layers[:1]) for each in recordings]
    with pytest.raises(ValueError, match="no recorded layer"):
        layers.dead_units(bare)
    with pytest.raises(ValueError, match="at least one recording"):
        layers.gradient_flow([])


def test_every_figure_is_drawn_from_one_recording_too(recordings: list[Recording]) -> None:
    for some in (recordings, recordings[:1]):
        for build in (
            layers.gradient_flow,
            layers.activation_statistics,
            layers.dead_units,
            layers.weight_norms,
        ):
            figure = build(some)
            assert figure.to_html()
            assert figure._repr_png_()
        assert layers.probe_confidence(some, PROBES).to_html()


def test_probe_predictions_tell_right_from_wrong(recordings: list[Recording]) -> None:
    recording = replace(recordings[0], predictions=np.array([[0.1, 0.9, 0], [0.5, 0.3, 0.2]], np.float32))
    figure = pictures.probe_predictions(recording, PROBES, ("a", "b", "c"))
    assert [panel.caption for panel in figure.panels] == ["b 90 %", "a 50 %\ntruly c"]
    assert [panel.tone for panel in figure.panels] == ["good", "bad"]


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (1, 5, 7), (3, 5, 7)])
def test_pictures_of_any_layout(shape: tuple[int, ...]) -> None:
    picture = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    pixels = pictures.rgb_pixels(picture)
    assert pixels.shape == (5, 7, 3)
    channels_first = len(shape) == 3 and shape[0] in (1, 3)
    reference = picture[0] if channels_first else picture.reshape(5, 7, -1)[..., 0]
    np.testing.assert_array_equal(pixels[..., 0], reference)


def test_pictures_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        pictures.rgb_pixels(np.zeros((5, 7)))
    with pytest.raises(ValueError, match="got 1 and 0"):
        pictures.grid([np.zeros((5, 7), np.uint8)] * 2, ["one"])


def test_worst_mistakes_do_not_overclaim() -> None:
    figure = pictures.worst_mistakes([np.zeros((4, 4), np.uint8)], ["cat"], ["dog"], [0.99999])
    assert figure.panels[0].caption == "dog 99.9 %\ntruly cat"

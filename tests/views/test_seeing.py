"""Figures of excitations, embeddings and similarities."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pellucid.views.embedding import embedding_map
from pellucid.views.excitation import Example, channel_sheet, excited, excited_and_found
from pellucid.views.figure import Figure
from pellucid.views.marks import Boxes, Heat, Image, Matrix, Points, Text, Tiles
from pellucid.views.similarity import similarity_matrix


def drawn(figure: Figure) -> None:
    """Every renderer draws it, and it comes back from JSON."""
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "<svg" in figure.to_html()
    assert len(Figure.from_dict(figure.to_dict()).panels) == len(figure.panels)


def pictures(count: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, channels, 12, 16), dtype=np.uint8)


@pytest.mark.parametrize(("channels", "kind"), [(1, Image), (3, Image), (2, Tiles), (5, Tiles)])
def test_made_pictures_of_any_channels(channels: int, kind: type) -> None:
    figure = excited(pictures(2, channels), (3.0, 4.5), "conv[3]", "seed 0")
    assert [panel.caption for panel in figure.panels] == ["made, 3", "made, 4.5"]
    assert all(isinstance(panel.marks[0], kind) for panel in figure.panels)
    drawn(figure)


def test_crops_and_where_they_are() -> None:
    window = (2, 4, 8, 14)
    examples = [Example(each, 9.0, "owl", window) for each in pictures(2)]
    figure = excited_and_found(pictures(1), (1.0,), examples, "conv[3]")
    made, crop, _, whole, _ = figure.panels
    np.testing.assert_array_equal(crop.marks[0].pixels, examples[0].picture[:, 2:8, 4:14].transpose(1, 2, 0))
    (box,) = (mark for mark in whole.marks if isinstance(mark, Boxes))
    assert box.corners.tolist() == [[4, 2, 14, 8]]
    assert "What it wants to see" in made.title
    drawn(figure)
    sees_all = [Example(each, 9.0, "owl", (0, 0, 12, 16)) for each in pictures(2)]
    assert len(excited_and_found(pictures(1), (1.0,), sees_all, "[3]").panels) == 3
    drawn(channel_sheet({"conv[0]": examples, "conv[1]": sees_all}, "Sheet"))


def test_a_map_shows_pictures_above_all_dots() -> None:
    places, labels = np.random.default_rng(1).normal(size=(6, 2)), np.array([0, 1, 0, 1, 2, 2])
    shown = np.full((6, 4, 4, 3), 200, np.uint8)
    figure = embedding_map(places, labels, ("owl", "<cat>", "fox"), shown)
    *dots, last = [mark for mark in figure.panels[0].marks if isinstance(mark, Points)]
    assert [len(mark.x) for mark in dots] == [2, 2, 2]
    assert len({mark.colour for mark in dots}) == 3
    assert last.opacity == 0
    assert last.names[1] == "<cat> · sample 1"
    words = {mark.text: (mark.x, mark.y) for mark in figure.panels[0].marks if isinstance(mark, Text)}
    assert words["owl"] == pytest.approx(tuple(np.median(places[[0, 2]], 0)))
    page = figure.to_html()
    assert page.count('class="peek"') == 6
    assert len(re.findall(r'href="data:image/jpeg', page)) == 6
    assert "<cat>" not in page
    drawn(figure)
    drawn(embedding_map(places, np.empty(0, int), ()))


def test_classes_that_are_too_many_for_colours_have_one() -> None:
    places = np.random.default_rng(0).normal(size=(40, 2))
    few, many = (
        embedding_map(places, np.arange(40) % count, [f"class {each}" for each in range(100)])
        for count in (32, 33)
    )
    colours = [
        {mark.colour for mark in figure.panels[0].marks if isinstance(mark, Points) and mark.opacity}
        for figure in (few, many)
    ]
    assert len(colours[0]) == 8
    assert colours[1] == {"blue"}
    assert "33 classes are too many for colours" in many.panels[0].caption
    assert not any(isinstance(mark, Text) for mark in many.panels[0].marks)


def test_a_matrix_writes_numbers_while_they_can_be_read() -> None:
    values = np.array([[1.0, 0.254], [np.nan, -0.02]])
    (mark,) = similarity_matrix(values, ("a", "b"), ("c", "d")).panels[0].marks
    assert isinstance(mark, Matrix)
    assert mark.texts == (("1.00", "0.25"), ("", "-0.02"))
    assert mark.shades[1, 1] == 0
    drawn(similarity_matrix(values, ("a", "b"), ("c", "d")))
    many = tuple(f"layer{index}" for index in range(30))
    (heat,) = similarity_matrix(np.eye(30), many, many).panels[0].marks
    assert isinstance(heat, Heat)
    assert (heat.scale.low, heat.scale.high) == (0, 1)


def test_wrong_pictures_of_points_are_refused() -> None:
    with pytest.raises(ValueError, match="pictures"):
        Points(np.zeros(2), np.zeros(2), pictures=np.zeros((3, 4, 4, 3), np.uint8))

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from matplotlib.figure import Figure as Canvas

from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale, light
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Heat, Lines, Mark, Matrix, Points


def test_every_mark_is_drawn(figure: Figure) -> None:
    picture = PIL.Image.open(io.BytesIO(figure._repr_png_()))
    assert min(picture.size) > 300
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50


def test_artists_have_the_data(marks: tuple[Mark, ...]) -> None:
    line = Lines((np.arange(3.0),), (np.array([1.0, 4, 2]),), ("loss",), ("orange",))
    bars = Bars(np.array([0.0, 1]), np.array([2.0, -1]), base=0.5)
    points = Points(np.array([0.5]), np.array([3.0]))
    (axes,) = Figure((Panel((line, bars, points), x=Axis("step"), y=Axis("loss")),)).to_mpl().axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 1], [1, 4], [2, 2]])
    assert axes.lines[0].get_color() == light("orange")
    assert [(bar.get_y(), bar.get_height()) for bar in axes.patches[:2]] == [(0.5, 1.5), (0.5, -1.5)]
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), [[0.5, 3]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")


def test_a_line_of_one_point_is_a_dot() -> None:
    lines = Lines(
        (np.array([1.0]), np.arange(3.0)), (np.array([0.5]), np.arange(3.0)), ("", ""), ("ink",) * 2
    )
    (axes,) = Figure((Panel((lines,)),)).to_mpl().axes
    assert [(drawn.get_marker(), drawn.get_markevery()) for drawn in axes.lines] == [("o", [0]), ("", [])]


def test_long_words_leave_room_for_the_drawing() -> None:
    axis = Axis(ticks=((0.5, "a name " * 16), (1.5, "b")))
    canvas = Figure((Panel((Matrix(np.eye(2)),), frame=(2, 2), x=axis, y=axis),), columns=1).to_mpl()
    canvas.draw_without_rendering()  # type: ignore[no-untyped-call]
    assert canvas.axes[0].get_position().width > 0.5


@pytest.mark.parametrize("frame", [(2, 2), None])
def test_heat_has_row_0_on_top_where_the_frame_says_so(frame: tuple[int, int] | None) -> None:
    heat = Heat(np.array([[1.0, 1], [0, 0]]), ColourScale("unsigned", 0, 1))
    (axes,) = Figure((Panel((heat,), frame=frame),)).to_mpl().axes
    (picture,) = axes.images
    left, right, bottom, top = picture.get_extent()
    assert (left, right, min(bottom, top), max(bottom, top)) == (0, 2, 0, 2)
    assert picture.get_array()[0, 0, :3].sum() > picture.get_array()[1, 0, :3].sum()
    drawn_top = axes.transData.transform((0, top))[1]
    assert drawn_top > axes.transData.transform((0, bottom))[1]


def test_a_picture_is_as_large_as_asked_and_its_key_as_high() -> None:
    scale = ColourScale("signed", -5178, 5178, "activation")
    strip = Panel((Heat(np.zeros((1, 12)), scale),), "strip", frame=(1, 12), key=scale)
    window = Panel((Heat(np.zeros((3, 3)), scale),), frame=(3, 3), height=90, width=180, caption="a window")
    alone = Panel((Heat(np.zeros((2, 2)), scale),), "input", frame=(2, 2), width=240)
    canvas = Figure((alone, strip, window), columns=1).to_mpl()
    canvas.draw_without_rendering()  # type: ignore[no-untyped-call]
    inches = np.array(canvas.get_size_inches())
    input, row, square = (axes.get_position().size * inches for axes in canvas.axes)
    np.testing.assert_allclose(input, 240 / 96, atol=0.35)
    assert square[0] == pytest.approx(2 * square[1], rel=0.01)
    assert row[0] == pytest.approx(12 * row[1], rel=0.01)
    (bar,) = canvas.axes[1].child_axes
    assert bar.get_position().height == pytest.approx(canvas.axes[1].get_position().height)
    assert [each.get_text() for each in bar.get_yticklabels()] == ["−5180", "0", "5180"]
    assert inches[1] < 5.5, "no room that nothing is drawn in"


def test_draws_into_given_axes() -> None:
    canvas = Canvas()
    mine = canvas.subplots(1, 2)
    panels = tuple(Panel((Points(np.arange(2.0), np.arange(2.0)),)) for _ in range(2))
    assert Figure(panels).to_mpl(list(mine)) is canvas
    assert all(len(axes.collections) == 1 for axes in mine)
    with pytest.raises(ValueError, match="2 panels; got 1"):
        Figure(panels).to_mpl(mine[0])

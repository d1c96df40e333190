from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest

from pellucid.views import html, raster
from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale, signed
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, Matrix, Points, Text, Tiles


class _Balanced(HTMLParser):
    """Fails where elements do not close in order."""

    VOID = frozenset({"meta", "br", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _svg(figure: Figure) -> ElementTree.Element:
    found = re.search(r'<svg role="img".*?</svg></div>', html.fragment(figure), re.DOTALL)
    assert found
    return ElementTree.fromstring(found.group()[: -len("</div>")])


def test_page_is_well_formed_and_names_nothing_outside(figure: Figure) -> None:
    page = figure.to_html()
    parser = _Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r"(https?:)?//(?!www\.w3\.org)", re.sub(r"base64,[^\"]*", "", page))
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_words_are_escaped(figure: Figure) -> None:
    page = figure.to_html()
    assert "cat &lt;b&gt;" in page
    assert "&lt;here&gt;" in page
    assert "loss &amp; co" in page
    assert "<here>" not in page


def test_every_picture_says_what_it_is(figure: Figure) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html.fragment(figure))
    assert len(labels) == len(figure.panels)
    assert all(label.startswith("Every mark") for label in labels)


def test_points_and_lines_stand_where_the_data_say() -> None:
    points = Points(np.array([0.0, 5.0]), np.array([0.0, 2.5]))
    line = Lines((np.array([0.0, 10.0]),), (np.array([0.0, 10.0]),), ("",), ("blue",))
    limits = Axis(limits=(0, 10)), Axis(limits=(0, 10))
    drawn = _svg(Figure((Panel((points, line), x=limits[0], y=limits[1]),)))
    circles = [(each.get("cx"), each.get("cy")) for each in drawn.iter("circle")]
    assert circles == [("0.000%", "100.000%"), ("50.000%", "75.000%")]
    assert next(drawn.iter("path")).get("d") == "M0.0 1000.0L1000.0 0.0"


def test_pictures_run_downwards_and_plots_upwards() -> None:
    text = Text(0, 1, "x")
    down = _svg(Figure((Panel((text,), frame=(4, 4)),)))
    up = _svg(Figure((Panel((text,), y=Axis(limits=(0, 4), ticks=())),)))
    assert next(down.iter("text")).get("y") == "25.000%"
    assert [each.get("y") for each in up.iter("text") if each.text == "x"] == ["75.000%"]


def test_a_hole_interrupts_the_line() -> None:
    y = np.array([0.0, 1, np.nan, 1, 0])
    drawn = _svg(Figure((Panel((Lines((np.arange(5.0),), (y,), ("",), ("blue",)),)),)))
    assert next(drawn.iter("path")).get("d", "").count("M") == 2


def test_a_line_of_one_point_is_a_dot() -> None:
    once = Lines((np.array([1.0]),), (np.array([0.5]),), ("train",), ("orange",))
    among_holes = Lines((np.arange(3.0),), (np.array([np.nan, 2, np.nan]),), ("",), ("blue",))
    for line in (once, among_holes):
        drawn = _svg(Figure((Panel((line,)),)))
        dots = [group for group in drawn.iter("g") if group.get("fill") == f"var(--{line.colours[0]})"]
        seen = [dot for dot in dots if dot not in list(drawn.find(".//g[@class='dots']") or ())]
        assert [len(list(dot.iter("circle"))) for dot in seen] == [1]
    whole = Lines((np.arange(70.0),), (np.arange(70.0),), ("",), ("blue",))
    assert not list(_svg(Figure((Panel((whole,)),))).iter("circle"))


def test_long_words_beside_an_axis_are_shortened_and_told_whole() -> None:
    name = "Pepper,_bell___Bacterial_spot_of_the_leaves"
    axis = Axis(ticks=((0.5, name), (1.5, "short")))
    drawn = _svg(Figure((Panel((Matrix(np.eye(2)),), frame=(2, 2), x=axis, y=axis),)))
    ticks = [each for each in drawn.iter("text") if each.get("class") == "tick"]
    words = ["".join(each.itertext()) for each in ticks]
    assert words == [f"{name}Pepper,_b…he_leaves", "short"] * 2


def test_a_name_at_a_line_end_keeps_its_number() -> None:
    line = Lines((np.arange(2.0),), (np.arange(2.0),), ("a class with a very long name 0.873",), ("blue",))
    (end,) = [each for each in _svg(Figure((Panel((line,)),))).iter("text") if each.get("class") == "end"]
    assert "".join(end.itertext()).endswith("0.873")


def test_names_at_line_ends_do_not_overlap() -> None:
    x = np.array([0.0, 1.0])
    lines = tuple(Lines((x,), (np.array([0.0, 1.0]),), (f"run {index}",), ("blue",)) for index in range(6))
    drawn = _svg(Figure((Panel(lines),)))
    places = sorted(
        float(str(each.get("y"))[:-1]) for each in drawn.iter("text") if each.get("class") == "end"
    )
    assert len(places) == 6
    assert np.diff(places).min() >= 100 * 14 / html.PLOT_HEIGHT - 1e-3
    assert places[-1] <= 100


def test_missing_cells_are_not_drawn() -> None:
    drawn = _svg(Figure((Panel((Matrix(np.array([[0.5, np.nan]])),), frame=(1, 2)),)))
    assert len(list(drawn.iter("rect"))) == 1


def _decoded(content: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGBA"))


def test_sheet_holds_every_tile_in_its_place() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(5, 3, 4))
    scale = signed(values)
    sheet = _decoded(raster.sheet(Tiles(values, 3, scale)))
    assert sheet.shape == (6, 12, 4)
    np.testing.assert_array_equal(sheet[3:6, 4:8], scale.rgba(values[4]))
    assert (sheet[3:6, 8:, 3] == 0).all()
    colours = random.integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(_decoded(raster.sheet(Tiles(colours, 1)))[3:, :, :3], colours[1])


def test_maps_are_palette_pictures() -> None:
    content = raster.scaled_png(np.array([[0.0, 1.0, np.nan]]), ColourScale("unsigned", 0, 1))
    assert PIL.Image.open(io.BytesIO(content)).mode == "P"
    assert _decoded(content)[0, :, 3].tolist() == [255, 255, 0]
    assert base64.b64decode(raster.data_uri(content).split(",")[1]) == content


@pytest.mark.parametrize("count", [1, 5])
def test_notebook_shows_the_same_fragment_with_its_style(figure: Figure, count: int) -> None:
    part = Figure(figure.panels[:count])
    assert html.fragment(part) in part._repr_html_()
    assert "prefers-color-scheme" in part._repr_html_()

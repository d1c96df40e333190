from __future__ import annotations

import base64
import hashlib
import re

import numpy as np
import pytest

from pellucid.views.contents import Code, KeyNumber, KeyNumbers, Steps, Table, to_html
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Image
from pellucid.views.page import Page, Section


def _picture(level: int) -> Figure:
    return Figure((Panel((Image(np.full((2, 2, 3), level, np.uint8)),), frame=(2, 2)),))


def _page() -> Page:
    steps = Steps({0: _picture(0), 10: _picture(9)}, {10: "epoch 1"})
    sections = (
        Section("Numbers", (KeyNumbers((KeyNumber("97 %", "top-1", "of <500>"),)), Code("a < b && c"))),
        Section("Numbers", (steps,), "One.\n\nTwo."),
    )
    return Page("run & <run>", "what it learned", sections, "small print")


def test_the_page_is_one_file_that_allows_its_own_script_only() -> None:
    page = _page().to_html()
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)="(?!data:|#)""", page)
    assert not re.search(r"@import|url\((?!data:)", page)
    assert len(script.splitlines()) <= 60


def test_headings_have_distinct_anchors_that_the_contents_name() -> None:
    page = _page().to_html()
    assert re.findall(r'<section id="([^"]*)"', page) == ["numbers", "numbers-2"]
    assert re.findall(r'<li><a href="#([^"]*)"', page) == ["numbers", "numbers-2"]


def test_words_are_escaped() -> None:
    page = _page().to_html()
    assert "<title>run &amp; &lt;run&gt;</title>" in page
    assert "of &lt;500&gt;" in page
    assert "a &lt; b &amp;&amp; c" in page


def test_without_script_the_last_step_is_seen() -> None:
    part = to_html(Steps({10: _picture(9), 0: _picture(0)}))
    assert re.findall(r'data-step="(\d+)" data-label=""( hidden)?', part) == [("0", " hidden"), ("10", "")]


def test_slider_is_only_where_there_are_steps() -> None:
    assert 'type="range"' in _page().to_html()
    assert 'type="range"' not in Page("a", "b", (Section("c"),)).to_html()


def test_table_cells() -> None:
    table = Table(
        ("run", "top-1", "loss", "count"),
        (("a", 0.5, 0.25, 12000), ("<b>", 0.75, None, 5)),
        bars=("top-1",),
        best={"loss": "min", "count": "min"},
    )
    part = to_html(table)
    assert "<td>&lt;b&gt;</td>" in part
    assert 'style="--share:50.0%"></i>0.500' in part
    assert '<td class="number">–</td>' in part
    assert '<td class="number">12,000</td>' in part
    assert '<td class="number"><b>5</b></td>' in part
    assert "<b>0.25</b>" not in part  # there is nothing to compare it with


def test_wrong_tables_and_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="row of 2 cells; got 1"):
        Table(("a", "b"), (("x",),))
    with pytest.raises(ValueError, match="no column 'c'"):
        Table(("a",), (("x",),), bars=("c",))
    with pytest.raises(ValueError, match="at least one step"):
        Steps({})

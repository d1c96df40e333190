from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from pellucid.types.errors import InputError
from pellucid.views import html, mpl
from pellucid.views.figure import Figure, Panel, beside, even_columns
from pellucid.views.marks import MARKS, Bars, Boxes, Heat, Image, Lines, Mark, Matrix, Text, Tiles, kind


def test_the_three_renderers_know_the_same_marks(marks: tuple[Mark, ...], figure: Figure) -> None:
    assert set(MARKS) == set(mpl.DRAW) == set(html.DRAW) == {kind(mark) for mark in marks}
    described = json.dumps(figure.to_dict())
    assert all(f'"kind": "{name}"' in described for name in MARKS)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return (
            a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        )
    if is_dataclass(a):
        return type(a) is type(b) and all(
            _same(getattr(a, field.name), getattr(b, field.name)) for field in fields(a)
        )
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(one, other) for one, other in zip(a, b, strict=True))
    return bool(a == b)


def test_json_round_trip_is_exact(figure: Figure) -> None:
    text = json.dumps(figure.to_dict(), allow_nan=False)
    assert json.loads(text)["schema"] == 1
    assert _same(Figure.from_dict(json.loads(text)), figure)


def test_large_arrays_become_assets() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    figure = Figure((Panel((Image(pixels), Text(1, 2, "small"), Image(pixels)), frame=(64, 64)),))
    assets: dict[str, bytes] = {}
    described = json.dumps(figure.to_dict(assets))
    assert len(described) < 1500
    assert list(assets.values()) == [pixels.tobytes()]
    assert _same(Figure.from_dict(json.loads(described), assets), figure)
    with pytest.raises(InputError, match="not among"):
        Figure.from_dict(json.loads(described))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 1; got 2"),
        ({"kind": "figur"}, "got 'figur'"),
        ({"colums": 3}, "got also colums"),
        ({"kind": "text", "panels": None, "columns": None, "caption": None, "title": None}, "got also"),
    ],
)
def test_other_descriptions_are_refused(figure: Figure, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Figure.from_dict({**figure.to_dict(), **change})


def test_arrays_of_objects_or_wrong_size_are_refused() -> None:
    described = Figure((Panel((Image(np.zeros((1, 1, 3), np.uint8)),)),)).to_dict()
    array = described["panels"][0]["marks"][0]["pixels"]
    array["shape"] = [9, 9, 3]
    with pytest.raises(InputError, match="size"):
        Figure.from_dict(described)
    array["dtype"] = "|O"
    with pytest.raises(InputError, match="dtype"):
        Figure.from_dict(described)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image(np.zeros((2, 2), np.uint8)),
        lambda: Heat(np.zeros(3), None),  # type: ignore[arg-type]
        lambda: Tiles(np.zeros((3, 2, 2)), 2),
        lambda: Boxes(np.zeros((2, 3))),
        lambda: Lines((np.zeros(2),), (np.zeros(3),), ("",), ("blue",)),
        lambda: Bars(np.zeros(2), np.zeros(3)),
        lambda: Matrix(np.array([[1.5]])),
        lambda: Text(0, 0, "x", colour="bleu"),
    ],
)
def test_marks_of_the_wrong_shape_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|no colour"):
        make()


def test_beside_keeps_panels_and_gives_them_titles() -> None:
    one = Figure((Panel(()),), "loss")
    joined = beside(one, Figure((Panel((), "accuracy"),), "ignored"))
    assert [panel.title for panel in joined.panels] == ["loss", "accuracy"]


def test_views_load_neither_torch_nor_matplotlib() -> None:
    program = (
        "import sys; from pellucid.views import classification, curves, layers, page, pictures;"
        "print([name for name in ('torch', 'matplotlib', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_even_columns_leave_no_orphan() -> None:
    assert [even_columns(panels, 6) for panels in range(1, 15)] == [1, 2, 3, 4, 5, 6, 4, 4, 5, 5, 6, 6, 5, 5]

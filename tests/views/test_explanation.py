"""Explanations as figures: what is drawn, on which scale, and with which words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pellucid.types.heatmap import Heatmap
from pellucid.views.explanation import (
    contact_sheet,
    enlarged,
    explanation,
    extent,
    record,
    summary_table,
)
from pellucid.views.marks import Heat, Image

PICTURES = [np.full((3, 6, 8), 40 * number, np.uint8) for number in (1, 2)]


def heatmap(method: str = "grad-cam", **changed: object) -> Heatmap:
    values = torch.tensor([[[1.0, -2.0], [0.5, 0.0]], [[0.1, 0.0], [0.0, 0.0]]])
    about = {
        "values": values,
        "method": method,
        "targets": ("cat (0)", "dog (1)"),
        "size": (6, 8),
        "layers": ("layer4",),
        "scores": {"target": (3.5, 2.0)},
        "notes": ("a note",),
    }
    return Heatmap(**{**about, **changed})


def heats(figure) -> list[Heat | None]:
    return [next((m for m in panel.marks if isinstance(m, Heat)), None) for panel in figure.panels]


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (14, 21)])
@pytest.mark.parametrize("grid", [(2, 2), (3, 4), (1, 5)])
def test_enlarged_as_torch_does_between_centres(size, grid) -> None:
    values = np.random.default_rng(0).normal(size=grid).astype(np.float32)
    expected = F.interpolate(torch.tensor(values)[None, None], size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(enlarged(values, size), expected[0, 0].numpy(), atol=1e-6)


def test_a_picture_and_its_map() -> None:
    figure = explanation(PICTURES, heatmap(), ("one", "two"))
    titles = [panel.title for panel in figure.panels]
    assert titles == ["one", "cat (0)", "two", "dog (1)"]
    caption = figure.panels[1].caption
    for words in ("layer4, 2 × 2", "target 3.5", "a note"):
        assert words in caption
    drawn = heats(figure)[1]
    assert drawn.values.shape == (6, 8)
    assert drawn.fade
    assert (drawn.scale.low, drawn.scale.high) == (-2, 2)
    assert figure.panels[1].key is drawn.scale


def test_one_scale_for_all_pictures_unless_each_is_asked_for() -> None:
    assert [heat.scale.high for heat in heats(explanation(PICTURES, heatmap()))[1::2]] == [2, 2]
    each = explanation(PICTURES, heatmap(), scaling="each")
    assert [heat.scale.high for heat in heats(each)[1::2]] == pytest.approx([2, 0.1])
    assert "own scale" in each.panels[3].key.label


def test_no_evidence_is_said_and_not_drawn() -> None:
    nothing = heatmap(values=torch.tensor([[[0.0, 0.0]], [[float("nan"), 1.0]]]))
    assert nothing.empty == (True, True)
    figure = explanation(PICTURES, nothing)
    assert heats(figure) == [None] * 4
    assert "no evidence: the map is zero everywhere" in figure.panels[1].caption
    assert "numbers are not finite" in figure.panels[3].caption
    assert figure.panels[1].key is None


def test_a_sheet_of_methods() -> None:
    maps = [heatmap(), heatmap("saliency", layers=())]
    sheet = contact_sheet(PICTURES, maps, ("one", "two"), {"cam": "another head"})
    assert sheet.columns == 2
    assert [panel.title for panel in sheet.panels] == ["one", "two", "grad-cam", "", "saliency", ""]
    assert [panel.caption for panel in sheet.panels[:2]] == ["cat (0)", "dog (1)"]
    assert "Left out: cam – another head." in sheet.caption
    alone = contact_sheet(PICTURES[:1], [each[0] for each in maps])
    assert [panel.title for panel in alone.panels] == ["", "grad-cam", "saliency"]
    assert "layer4, 2 × 2, ±2" in alone.panels[1].caption
    assert "input" in alone.panels[2].caption


def test_what_each_method_says_as_a_table() -> None:
    table = summary_table([heatmap()], {"cam": "another head"})
    assert table.rows[0] == ("grad-cam", "layer4", "2 × 2", -2, 1, "a note")
    assert table.rows[1][-1] == "left out: another head"


def test_the_record_as_json() -> None:
    found = record(heatmap(), 0)
    assert found["greatest_at"] == [0, 0]
    assert found["values"] == [[1, -2], [0.5, 0]]
    assert not found["empty"]
    assert "values" not in record(heatmap(values=torch.rand(2, 40, 40)), 0)


def test_sharp_peaks_do_not_leave_the_rest_pale() -> None:
    fine = np.ones((100, 100), np.float32)
    fine[0, 0] = 1e6
    assert extent(fine) == pytest.approx(1)
    assert extent(fine[:2, :2]) == 1e6  # of a coarse map every cell counts


def test_a_faded_map_lets_the_picture_through_in_every_renderer() -> None:
    figure = explanation(PICTURES, heatmap())
    drawn = heats(figure)[1]
    pixels = drawn.scale.rgba(np.array([[-2.0, 0.0, 2.0, 1.0]]), fade=True)
    assert pixels[0, :, 3].tolist()[:3] == [255, 0, 255]
    assert 0 < pixels[0, 3, 3] < 255
    assert "<image" in figure.to_html()
    assert figure._repr_png_()
    again = type(figure).from_dict(figure.to_dict())
    assert heats(again)[1].fade
    assert isinstance(again.panels[0].marks[0], Image)

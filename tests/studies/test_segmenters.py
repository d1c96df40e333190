"""The comparison of segmenters: fair shares of time, and numbers that are the networks' own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.data.shapes import open_shapes
from pellucid.inspection.cost import parameter_count
from pellucid.models.naming import build_model
from pellucid.studies.segmenters import SHOWN, SegmentersStudy, _first, reached
from pellucid.types.errors import InputError

SMALL = SegmentersStudy(
    ("unet-bn-8", "mnet-8"), seconds=0.4, pictures=24, tested=SHOWN, size=32, batch_size=8, threads=1
)


def test_findings_are_a_table_a_picture_and_numbers() -> None:
    found = SMALL.run()
    assert [row[0] for row in found.table.rows] == list(SMALL.networks)
    assert len(found.figure.panels) == SHOWN * (2 + len(SMALL.networks))
    for each in found.numbers["reached"]:
        model = build_model(each["network"], inputs=(3, 32, 32), outputs=11)
        assert each["parameters"] == parameter_count(model)
        assert each["pictures"] % SMALL.batch_size == 0
        assert 0 <= each["metrics"]["mIoU"] <= 1
        assert each["seconds"] > 0
    constant, drawn = found.numbers["baselines"]
    assert 0 < constant < 1
    assert 0 < drawn < 1


def test_what_is_shown_is_what_was_measured() -> None:
    """All of the test split is shown here, so that its pixel accuracy can be counted again."""
    data = open_shapes(32, 24, SHOWN, masks=True)
    truth = data.splits["test"].fetch(torch.arange(SHOWN)).targets.numpy()
    for each in reached(replace(SMALL, networks=("unet-bn-8",)), data):
        assert np.mean(each.said == truth) == pytest.approx(each.metrics["pixel-accuracy"], abs=0.01)


def test_more_time_means_more_pictures_and_round_again() -> None:
    data = open_shapes(32, 24, SHOWN, masks=True)
    more = _first(data, 40)
    assert more.info.counts["train"] == len(more.splits["train"]) == 40
    batch = more.splits["train"].fetch(torch.tensor([3, 27]))
    assert torch.equal(batch.inputs[0], batch.inputs[1])


@pytest.mark.parametrize(
    "wrong",
    [{"networks": ()}, {"networks": ("unet-bn-9",)}, {"seconds": 0.0}, {"tested": 1}, {"batch_size": 0}],
)
def test_what_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        replace(SMALL, **wrong).run()

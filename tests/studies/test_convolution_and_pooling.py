"""The studies of the first lessons: activations' slopes, a kernel over a picture, pooling under moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pellucid.inspection.shifts import shift_responses
from pellucid.studies.activations import ActivationsStudy, curve, places
from pellucid.studies.convolution import ConvolutionStudy
from pellucid.studies.pooling import POOLINGS, PoolingStudy, edges, pooled, responses
from pellucid.types.errors import InputError


def test_slopes_are_the_closed_forms() -> None:
    x = places(6)
    sigmoid = 1 / (1 + np.exp(-x))
    expected = {
        "sigmoid": sigmoid * (1 - sigmoid),
        "tanh": 1 - np.tanh(x) ** 2,
        "relu": (x > 0).astype(float),
        "silu": sigmoid * (1 + x * (1 - sigmoid)),
        "linear": np.ones_like(x),
    }
    for name, slopes in expected.items():
        np.testing.assert_allclose(curve(name)[1], slopes, atol=1e-12, err_msg=name)
    greatest = {row[0]: row[4] for row in ActivationsStudy().run().table.rows}
    assert greatest["sigmoid"] == pytest.approx(0.25)
    assert greatest["tanh"] == pytest.approx(1)


def test_a_kernel_over_a_picture_and_its_bill() -> None:
    found = ConvolutionStudy(stride=2, padding=1, channels=(3, 64)).run()
    assert found.numbers["width"].endswith("= 320")  # the photograph is 640 × 427
    assert found.numbers["height"].endswith("= 214")
    assert found.numbers["weights"] == "3·64·3² = 1,728"
    assert found.numbers["multiply-adds"].endswith(f"= {1728 * 320 * 214:,}")
    assert "Before and after" in found.page().to_html()


@pytest.fixture(scope="module")
def maps() -> torch.Tensor:
    torch.manual_seed(0)
    return edges(F.avg_pool2d(torch.rand(1, 1, 76, 80), 5, 1)[0, 0])


def test_poolings_are_torch_s(maps: torch.Tensor) -> None:
    assert torch.equal(pooled("max", 3, maps), F.max_pool2d(maps, 3))
    assert torch.equal(pooled("average", 3, maps), F.avg_pool2d(maps, 3))
    assert torch.equal(pooled("none", 3, maps), maps)
    assert torch.equal(pooled("stride", 2, maps), maps[..., ::2, ::2])
    assert float(pooled("global-average", 3, maps)) == pytest.approx(float(maps.mean()))
    ones = torch.ones(1, 1, 12, 12)
    for name in POOLINGS:
        torch.testing.assert_close(pooled(name, 3, ones), torch.ones_like(pooled(name, 3, ones)))


def test_what_is_passed_on_is_the_library_s_measure(maps: torch.Tensor) -> None:
    found = {name: [each.passed_on for each in responses(name, 4, maps, (1, 2))] for name in POOLINGS}
    for at, each in enumerate(shift_responses(lambda x: F.max_pool2d(x, 4), maps, (1, 2))):
        assert found["max"][at] == each.passed_on
    assert found["none"] == pytest.approx([1, 1])
    assert found["global-average"][0] < min(found["average"][0], found["max"][0])
    assert max(found["average"][0], found["max"][0]) < found["stride"][0]
    assert found["blurred-max"][0] < found["max"][0]


def test_the_study_of_pooling_tells_each_by_distance() -> None:
    found = PoolingStudy(pooling=("max", "average"), shifts=(1, 4)).run()
    assert [row[0] for row in found.table.rows] == ["max", "average"]
    assert found.table.columns == ("pooling", "1 px", "4 px")
    assert "Share passed on" in found.page().to_html()


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (PoolingStudy(pooling=("maximum",)), "no pooling"),
        (PoolingStudy(pooling=()), "one name"),
        (PoolingStudy(size=1000), "fit"),
        (replace(ConvolutionStudy(), kernel="sobl-x"), "sobel-x"),
        (ActivationsStudy(activation=("rely",)), "relu"),
        (ActivationsStudy(activation=()), "one name"),
        (ActivationsStudy(reach=0), "reach"),
    ],
)
def test_settings_that_cannot_be(study: ActivationsStudy, said: str) -> None:
    with pytest.raises(InputError, match=said):
        study.run()

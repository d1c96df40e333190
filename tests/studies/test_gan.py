import numpy as np
import pytest

from pellucid.data.planar import CENTRES, sample
from pellucid.studies.gan import KINDS, GanStudy, judged
from pellucid.types.errors import InputError


def test_real_points_are_good_and_cover_all_parts():
    points, _ = sample("gaussians8", 4000, seed=3)
    covered, good = judged(points)
    assert covered == 8
    assert good == pytest.approx(1 - np.exp(-4.5), abs=0.01)


def test_forgotten_parts_and_points_between_are_seen():
    assert judged(np.repeat(CENTRES[:3], 100, axis=0)) == (3, 1.0)
    assert judged(np.zeros((100, 2))) == (0, 0.0)
    few = np.concatenate([np.repeat(CENTRES[:7], 100, axis=0), CENTRES[7:]])  # one point is no cover
    assert judged(few)[0] == 7


def test_a_small_study_tells_every_training():
    study = GanStudy(kinds=("plain", "wgan-gp"), steps=2, seeds=2)
    found, again = study.run(), GanStudy(kinds=("plain",), steps=2, seeds=1).run()
    assert [row[0] for row in found.table.rows] == ["plain", "wgan-gp"]
    assert len(found.figure.panels) == 4
    assert found.numbers["outcomes"][0]["good"] == again.numbers["outcomes"][0]["good"]
    assert "plain, seed 1" in found.figure.panels[1].title
    assert "<html" in found.page().to_html()


def test_what_cannot_be_studied():
    with pytest.raises(InputError, match="did you mean 'wgan-gp'"):
        GanStudy(kinds=("wgan-pg",)).run()
    with pytest.raises(InputError, match="seeds from 1 on"):
        GanStudy(seeds=0).run()
    assert set(GanStudy().kinds) <= set(KINDS)

"""The studies of codes, mixtures and compression, where what they find is known beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from pellucid.cli import main
from pellucid.data.planar import CENTRES, DEVIATION, PLANAR, sample
from pellucid.data.settings import DataSettings
from pellucid.studies.codes import CodesStudy
from pellucid.studies.compression import CompressionStudy, patches, quantised, whole
from pellucid.studies.mixture import (
    MixtureStudy,
    answers,
    bic,
    draw,
    expectation_maximisation,
    fit,
    whole_covariances,
)
from pellucid.studies.pretraining import PretrainingStudy
from pellucid.types.errors import InputError

DIGITS = DataSettings(name="digits", size=12)
KINDS = ("full", "diag", "tied", "spherical")
SMALL = MixtureStudy(points=300, iterations=25, starts=2)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(list(PLANAR)), st.sampled_from(KINDS), st.integers(1, 6), st.integers(0, 99))
def test_the_likelihood_never_falls(name: str, kind: str, components: int, seed: int) -> None:
    points = sample(name, 200, seed)[0].astype(np.float64)
    study = replace(SMALL, beginning="random")
    course = list(expectation_maximisation(points, components, kind, study, seed))
    values = np.array([each.log_likelihood for each in course])
    assert (np.diff(values) > -1e-5).all()
    for each in course:
        np.testing.assert_allclose(each.responsibilities.sum(1), 1)
        assert each.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_and_criterion_are_those_of_scipy_and_scikit_learn(kind: str) -> None:
    points = sample("moons", 300)[0].astype(np.float64)
    model = GaussianMixture(3, covariance_type=kind, random_state=0).fit(points)
    covariances = whole_covariances(model.covariances_, kind, 3, 2)
    found, likelihood = answers(points, model.weights_, model.means_, covariances)
    densities = [
        weight * multivariate_normal(mean, covariance).pdf(points)
        for weight, mean, covariance in zip(model.weights_, model.means_, covariances, strict=True)
    ]
    assert likelihood == pytest.approx(np.log(np.sum(densities, 0)).mean())
    np.testing.assert_allclose(found, model.predict_proba(points), atol=1e-9)
    last = fit(points, 3, kind, SMALL)[-1]
    fitted = replace(last, means=model.means_, log_likelihood=likelihood)
    assert bic(fitted, kind, 300) == pytest.approx(model.bic(points))


def test_eight_gaussians_are_found_and_drawn_again() -> None:
    study = MixtureStudy(points=600, components=(6, 8, 10), covariance=("full", "spherical"))
    found = study.run()
    assert found.numbers["chosen"]["components"] == 8
    means = np.array(found.numbers["means"])
    assert np.linalg.norm(means[:, None] - CENTRES, axis=2).min(0).max() < 0.1
    last = fit(study.check(), 8, "spherical", study)[-1]
    drawn = draw(last, 4000, seed=1)
    away = np.linalg.norm(drawn[:, None] - CENTRES, axis=2).min(1)
    assert (away < 4 * DEVIATION).mean() > 0.98
    assert found.page().to_html().count("Iteration by iteration") >= 1


def test_codes_put_components_beside_a_network() -> None:
    found = CodesStudy(codes=(2, 8), epochs=1, threads=1, data=DIGITS).run()
    errors = {(each["kind"], each["code"]): each["mse"] for each in found.numbers["found"]}
    assert errors["pca", 8] < errors["pca", 2] < 0.06
    assert set(errors) == {(kind, code) for kind in ("pca", "autoencoder") for code in (2, 8)}


def test_both_trainings_take_the_same_epochs() -> None:
    found = PretrainingStudy(code=4, epochs=5, threads=1, data=DIGITS).run().numbers["found"]
    assert [course[-1]["epoch"] for course in found.values()] == [5, 5]
    assert [each["depth"] for each in found["layer by layer first"]] == [1, 2, 3, 4, 4]


def test_patches_come_together_again() -> None:
    pictures = torch.randint(256, (2, 3, 8, 12), dtype=torch.uint8)
    parts = patches(pictures, 4, step=4)
    assert parts.shape == (12, 3, 4, 4)
    assert torch.equal(whole((255 * parts).round().byte(), pictures.shape, 4), pictures)


def test_bits_are_entropy() -> None:
    even = torch.arange(4.0).repeat(5)[:, None]
    rounded, bits = quantised(torch.cat([even, even], 1), torch.cat([even, even], 1), levels=4)
    assert bits == pytest.approx(4)
    assert torch.equal(rounded[:, :1], even)
    assert quantised(torch.ones(9, 1), torch.ones(9, 1), levels=4)[1] == 0


def test_more_bits_lose_less() -> None:
    study = CompressionStudy(crop=64, codes=(4, 32), qualities=(10, 90), epochs=1, threads=1)
    found = study.run().numbers["found"]
    for way in ("JPEG", "WebP", "PCA"):
        low, high = (each for each in found if each["way"] == way)
        assert low["bits"] < high["bits"]
        assert low["psnr"] < high["psnr"]
        assert low["ssim"] < high["ssim"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("mixture --data gaussian8", "gaussians8"),
        ("mixture --covariance ful", "full"),
        ("mixture --components 0", "components"),
        ("codes --networks mlp", "autoencoder"),
        ("codes --codes 5000", "components"),
        ("pretraining --pretraining 1", "between 0 and 1"),
        ("compression --pictures nowhere", "no such folder"),
        ("compression --qualities 0", "1 to 100"),
        ("compression --crop 100", "multiple"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_a_folder_with_one_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2"):
        CompressionStudy(pictures=tmp_path).run()

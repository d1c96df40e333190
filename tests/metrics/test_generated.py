"""FID and its kin: equal to torch-fidelity's of the same features, and what is said beside them."""

import numpy as np
import pytest
import torch

from pellucid.metrics.frechet import frechet_distance
from pellucid.metrics.generated import Duel, Generated, Judge, SampleQuality
from pellucid.metrics.inception_score import inception_score
from pellucid.metrics.kernel_distance import kernel_distance, kernel_distance_of_subsets
from pellucid.metrics.support import support
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

fid = pytest.importorskip("torch_fidelity.metric_fid")


def features(count: int, size: int = 8, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(size, size, generator=generator)
    return torch.randn(count, size, generator=generator) @ mix + shift


ONE, OTHER = features(200), features(150, seed=1, shift=0.5)


def test_fid_is_torch_fidelitys():
    statistics = [fid.fid_features_to_statistics(each.double()) for each in (ONE, OTHER)]
    (theirs,) = fid.fid_statistics_to_metric(*statistics, verbose=False).values()
    assert frechet_distance(ONE, OTHER) == pytest.approx(theirs, rel=1e-6)
    assert frechet_distance(ONE, ONE) == pytest.approx(0, abs=1e-8)


def test_kid_is_torch_fidelitys():
    from torch_fidelity.metric_kid import mmd2

    one, other = ONE[:150].double().numpy(), OTHER.double().numpy()

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    theirs = mmd2(kernel(one, one), kernel(one, other), kernel(other, other))
    assert kernel_distance(ONE[:150], OTHER) == pytest.approx(theirs, rel=1e-9)
    mean, deviation = kernel_distance_of_subsets(ONE, OTHER, size=100, subsets=40)
    _, of_all = kernel_distance_of_subsets(ONE, OTHER, size=len(ONE) + 1, subsets=40)
    assert of_all > 1e-6  # of halves, not of the same samples forty times
    assert mean == pytest.approx(theirs, abs=4 * deviation)
    assert kernel_distance_of_subsets(ONE, OTHER, size=100, subsets=3) == kernel_distance_of_subsets(
        ONE, OTHER, size=100, subsets=3
    )


def test_the_inception_score_is_torch_fidelitys():
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = features(95, 5)
    theirs = isc_features_to_metric(logits, splits=10, shuffle=False)
    ours = inception_score(logits.double().softmax(1))
    assert ours == pytest.approx(tuple(theirs.values()), rel=1e-6)


def test_precision_and_recall_are_torch_fidelitys():
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    theirs = calculate_precision_recall_full(OTHER, ONE, neighborhood=3, batch_size=1000)
    ours = support(ONE, OTHER, neighbours=3)
    assert (ours.precision, ours.recall) == pytest.approx(tuple(float(x) for x in theirs), abs=1e-6)


def test_density_and_coverage_one_by_one():
    real, fake, k = ONE[:30], OTHER[:25], 5
    reach = [sorted(float((a - b).norm()) for b in real)[k] for a in real]
    inside = np.array([[float((a - b).norm()) <= r for b in fake] for a, r in zip(real, reach, strict=True)])
    found = support(real, fake, neighbours=k)
    assert found.density == pytest.approx(inside.sum() / (k * len(fake)))
    assert found.coverage == pytest.approx(inside.any(1).mean())


def output_of(real: torch.Tensor, fake: torch.Tensor, slope: float = 2.0) -> tuple[Generated, Batch]:
    direction = torch.ones(real.shape[1]) * slope / real.shape[1] ** 0.5

    def score(x, labels):
        return x @ direction

    given = Generated(real, fake, None, score(real, None), score(fake, None), score)
    return given, Batch(real, torch.arange(len(real)) % 2, torch.arange(len(real)))


JUDGE = Judge("coordinates", lambda samples: samples)


def judged(real: torch.Tensor, fake: torch.Tensor, classes: int = 0) -> dict[str, float]:
    quality = SampleQuality(JUDGE, classes)
    quality.update(*output_of(real, fake))
    return quality.compute()


def test_no_score_without_the_name_of_its_features():
    found = judged(ONE[:150], OTHER)
    scores = {"FID", "coverage", "precision", "recall", "density"}
    assert {name for name in found if "(coordinates)" in name} == {f"{name} (coordinates)" for name in scores}
    assert found["samples in FID"] == found["samples compared"] == 150
    assert not any(name.split(" (")[0] in scores for name in found if "(coordinates)" not in name)


def test_how_many_samples_each_score_is_of_is_recorded(monkeypatch):
    """FID is of all samples, what neighbours say of the first ones only."""
    monkeypatch.setattr("pellucid.metrics.generated._COMPARED", 100)
    found = judged(ONE[:150], OTHER)
    assert (found["samples in FID"], found["samples compared"]) == (150, 100)
    assert found["FID (coordinates)"] == pytest.approx(frechet_distance(ONE[:150], OTHER))
    assert found["coverage (coordinates)"] == support(ONE[:100], OTHER[:100]).coverage


def test_too_few_samples_for_fid_are_told():
    assert judged(features(8, 8), features(8, 8, seed=1))["samples that FID lacks"] == 1
    assert "samples that FID lacks" not in judged(features(9, 8), features(9, 8, seed=1))
    with pytest.raises(InputError, match="two samples or more"):
        frechet_distance(ONE[:1], OTHER)
    with pytest.raises(InputError, match="more than so many samples"):
        support(ONE[:5], OTHER)


def test_a_generator_that_forgets_a_class_is_told():
    real = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    real[1::2] += 100  # the class of odd places
    again = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
    both = torch.where(torch.arange(200)[:, None] % 2 == 1, again + 100, again)
    assert judged(real, both, 2)["classes covered"] == 2
    assert judged(real, again, 2)["classes covered"] == 1
    assert judged(real, again + 50, 2)["classes covered"] == 0


def test_parts_add_up():
    whole, first, second = (SampleQuality(JUDGE) for _ in range(3))
    real = ONE[:150]
    whole.update(*output_of(real, OTHER))
    first.update(*output_of(real[:70], OTHER[:70]))
    second.update(*output_of(real[70:], OTHER[70:]))
    first.merge(second)
    assert first.compute() == pytest.approx(whole.compute())


def test_the_duel_of_a_linear_critic():
    duel, fake = Duel(), ONE - 0.5
    duel.update(*output_of(ONE, fake, slope=3.0))
    found = duel.compute()
    assert found["Lipschitz"] == pytest.approx(3, rel=1e-5)
    assert found["Wasserstein"] == pytest.approx(0.5 * 8**0.5, rel=1e-4)  # a shift of ½ along the diagonal
    assert found["told apart"] == 1.0

"""A mixture of Gaussians fitted to points of the plane, watched from one iteration of EM to the next.

Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 1977. Each
iteration asks how much each component answers for each point (E), and moves the components to what they
answer for (M); the likelihood of the points never falls. How many components, and of what shape, is chosen by
the Bayesian information criterion: Schwarz, "Estimating the dimension of a model", Annals of Statistics 1978.

The fitting is scikit-learn's, asked for one iteration at a time. A small ridge on the covariances' diagonal,
which keeps a component from shrinking onto one point, can cost the likelihood a little: what is said of
never falling is said up to that.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pellucid.data.planar import PLANAR, sample
from pellucid.ops.random import seed_of
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.contents import Steps, Table
from pellucid.views.figure import Figure
from pellucid.views.mixture import criterion, likelihood, mixture, scattered
from pellucid.views.page import Section

Floats = NDArray[np.float64]
Covariance = Literal["full", "diag", "tied", "spherical"]
Beginning = Literal["k-means++", "random"]
RIDGE = 1e-6  # on the diagonal of covariances, scikit-learn's own
_FRAMES = 24  # iterations that are shown


@dataclass(frozen=True)
class Iteration:
    """A mixture of k components over n points after so many iterations of EM: `weights` (k,), `means` (k, 2),
    `covariances` (k, 2, 2) whatever their kind, `responsibilities` (n, k) that follow from them, and the mean
    log-likelihood of a point in nats.
    """

    number: int
    weights: Floats
    means: Floats
    covariances: Floats
    responsibilities: Floats
    log_likelihood: float


@dataclass(frozen=True)
class MixtureStudy(Study):
    data: str = "gaussians8"
    """Which points: gaussians8, rings, swiss-roll, moons."""
    points: int = 1000
    """How many."""
    components: tuple[int, ...] = (1, 2, 4, 6, 8, 10, 12)
    """How many Gaussians are tried; BIC chooses."""
    covariance: tuple[str, ...] = get_args(Covariance)
    """Which covariances are tried: full, diag (axes along x and y), tied (one for all), spherical."""
    iterations: int = 200
    """At most so many iterations of EM."""
    starts: int = 4
    """How many beginnings each is fitted from, of which the likeliest counts."""
    beginning: Beginning = "k-means++"
    """Where components begin: at points far from one another, or at any points."""
    tolerance: float = 1e-4
    """EM ends where an iteration raises the log-likelihood of a point by less."""
    seed: int = 0
    """Decides the points and the beginnings."""

    def run(self) -> Findings:
        points = self.check()
        tried = {
            (kind, count): fit(points, count, kind, self)
            for kind in self.covariance
            for count in self.components
        }
        scores = {key: bic(course[-1], key[0], len(points)) for key, course in tried.items()}
        best = min(scores, key=lambda key: scores[key])
        wandering = replace(self, beginning="random")
        watched = [*expectation_maximisation(points, best[1], best[0], wandering, seed_of(self.seed))]
        return _told(self, points, tried[best], watched, best, scores)

    def check(self) -> Floats:
        """The points. Raises `InputError` for settings that cannot be."""
        for kind in self.covariance:
            if kind not in get_args(Covariance):
                raise unknown_name("covariance", kind, get_args(Covariance))
        if self.beginning not in get_args(Beginning):
            raise unknown_name("beginning", self.beginning, get_args(Beginning))
        if self.data not in PLANAR:
            raise unknown_name("planar distribution", self.data, PLANAR)
        if not self.covariance or not self.components:
            raise InputError("--covariance and --components need at least one each")
        if min(self.components) < 1 or max(self.components) > self.points:
            raise InputError(
                f"expected 1 to {self.points} components, as there are points; got {list(self.components)}"
            )
        if self.iterations < 1 or self.starts < 1 or not self.tolerance > 0:
            raise InputError(
                f"expected iterations and starts from 1 on and a positive tolerance; got {self.iterations}, "
                f"{self.starts} and {self.tolerance:g}"
            )
        return sample(self.data, self.points, self.seed)[0].astype(np.float64)


def fit(points: Floats, components: int, kind: str, study: MixtureStudy) -> list[Iteration]:
    """The likeliest of `starts` courses of EM on points (n, d)."""
    courses = [
        list(expectation_maximisation(points, components, kind, study, seed_of(study.seed, start)))
        for start in range(study.starts)
    ]
    return max(courses, key=lambda course: course[-1].log_likelihood)


def expectation_maximisation(
    points: Floats, components: int, kind: str, study: MixtureStudy, seed: int
) -> Iterator[Iteration]:
    """EM from components at points of the data, one iteration at a time, until it no longer gains."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        components,
        covariance_type=kind,
        max_iter=1,
        tol=0.0,
        reg_covar=RIDGE,
        warm_start=True,
        init_params="random_from_data" if study.beginning == "random" else study.beginning,
        random_state=seed % 2**32,
    )
    last = -np.inf
    for number in range(1, study.iterations + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # after one iteration: of course not
            model.fit(points)
        found = _iteration(model, number, points)
        yield found
        if found.log_likelihood - last < study.tolerance:
            return
        last = found.log_likelihood


def _iteration(model: Any, number: int, points: Floats) -> Iteration:
    """What scikit-learn's model is after an iteration, and what follows from it for the points."""
    weights, means = model.weights_.copy(), model.means_.copy()
    covariances = whole_covariances(model.covariances_, model.covariance_type, *means.shape)
    responsibilities, log_likelihood = answers(points, weights, means, covariances)
    return Iteration(number, weights, means, covariances, responsibilities, log_likelihood)


def answers(points: Floats, weights: Floats, means: Floats, covariances: Floats) -> tuple[Floats, float]:
    """How much each component answers for each point (n, k), the E step, and a point's mean
    log-likelihood.
    """
    roots = np.linalg.cholesky(covariances)  # (k, d, d)
    away = np.linalg.solve(roots, (points[None] - means[:, None]).transpose(0, 2, 1))  # (k, d, n)
    volume = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) + means.shape[1] / 2 * np.log(2 * np.pi)
    with np.errstate(divide="ignore"):  # a component of weight 0 answers for nothing
        joint = (np.log(weights) - volume)[:, None] - (away**2).sum(1) / 2  # (k, n)
    total = np.logaddexp.reduce(joint, axis=0)
    return np.exp(joint - total).T, float(total.mean())


def whole_covariances(covariances: Floats, kind: str, components: int, dimensions: int) -> Floats:
    """scikit-learn's covariances of a kind as (k, d, d)."""
    match kind:
        case "full":
            return covariances.copy()
        case "tied":
            return np.repeat(covariances[None], components, 0)
        case "diag":
            return covariances[:, :, None] * np.eye(dimensions)
    return covariances[:, None, None] * np.eye(dimensions)


def parameters(components: int, dimensions: int, kind: str) -> int:
    """Free numbers of a mixture: weights that add up to 1, means, covariances."""
    triangle = dimensions * (dimensions + 1) // 2
    shapes = {
        "full": components * triangle,
        "tied": triangle,
        "diag": components * dimensions,
        "spherical": components,
    }
    return components - 1 + components * dimensions + shapes[kind]


def bic(fitted: Iteration, kind: str, points: int) -> float:
    """−2 log L + parameters · log n: lower is better."""
    components, dimensions = fitted.means.shape
    free = parameters(components, dimensions, kind)
    return float(-2 * fitted.log_likelihood * points + free * np.log(points))


def draw(fitted: Iteration, count: int, seed: int) -> Floats:
    """`count` points (count, d) of the mixture."""
    random = np.random.Generator(np.random.Philox(seed_of(seed, count)))
    parts = random.choice(len(fitted.weights), size=count, p=fitted.weights / fitted.weights.sum())
    roots = np.linalg.cholesky(fitted.covariances)[parts]
    noise = random.standard_normal((count, fitted.means.shape[1], 1))
    return fitted.means[parts] + (roots @ noise)[..., 0]


def _told(
    study: MixtureStudy,
    points: Floats,
    course: Sequence[Iteration],
    watched: Sequence[Iteration],
    best: tuple[str, int],
    scores: dict[tuple[str, int], float],
) -> Findings:
    last, (kind, count) = course[-1], best
    shown = sorted({round(place) for place in np.geomspace(1, len(watched), min(_FRAMES, len(watched)))})
    frames = {number: _frame(points, watched[number - 1]) for number in shown}
    by_kind = {name: [scores[name, each] for each in study.components] for name in study.covariance}
    rows = tuple(
        (
            str(each),
            *(f"{scores[name, each]:,.1f}{' *' * ((name, each) == best)}" for name in study.covariance),
        )
        for each in study.components
    )
    beside = Figure(
        (
            mixture(points, last.responsibilities, last.means, last.covariances, "fitted"),
            scattered(points, "the points"),
            scattered(draw(last, len(points), study.seed), "drawn from the mixture", "orange"),
        ),
        columns=3,
    )
    values = np.array([each.log_likelihood for each in watched])
    more = (
        Section("Iteration by iteration", (Steps(frames), likelihood(values)), _lead(values, last)),
        Section("How many, and of what shape", (criterion(study.components, by_kind, best),), _CHOSEN),
    )
    return Findings(
        "A mixture of Gaussians",
        f"{len(points):,} points of {study.data}: BIC chooses {count} components, {kind}; EM took "
        f"{len(course)} iterations to {last.log_likelihood:.4f} nats a point.",
        Table(("components", *study.covariance), rows, "BIC, lower is better; * is the least."),
        beside,
        {
            **asdict(study),
            "chosen": {"covariance": kind, "components": count, "log-likelihood": last.log_likelihood},
            "from random points": values.tolist(),
            "weights": last.weights.tolist(),
            "means": last.means.tolist(),
            "covariances": last.covariances.tolist(),
            "bic": {f"{name} {each}": score for (name, each), score in scores.items()},
        },
        heading="Fitted",
        more=more,
    )


def _frame(points: Floats, iteration: Iteration) -> Figure:
    title = f"iteration {iteration.number}: {iteration.log_likelihood:.4f} nats a point"
    panel = mixture(points, iteration.responsibilities, iteration.means, iteration.covariances, title)
    return Figure((panel,), columns=1)


def _lead(values: Floats, best: Iteration) -> str:
    """What is to be seen of the course whose log-likelihoods are `values`, beside the `best` there is."""
    behind = best.log_likelihood - values[-1]
    end = (
        f"It ends {behind:.3f} nats a point below the best of the other beginnings: EM climbs to the nearest "
        "top, not to the highest."
        if behind > 0.01
        else "It ends where the best of the other beginnings did."
    )
    return (
        "As many components from points drawn at random; move the slider at the foot of the page. A "
        "point has the colour of the component that answers for it, paler where it is shared; ellipses are "
        f"at two standard deviations. The likelihood never falls. {end}"
    )


_CHOSEN = (
    "More components always fit the points better. The criterion charges each of their numbers half the "
    "logarithm of the number of points; its least is marked."
)
STUDIES: dict[str, type[Study]] = {"mixture": MixtureStudy}

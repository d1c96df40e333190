"""The laboratories of generation as the page shows them: two players on points of the plane, and EM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.planar import PLANAR
from pellucid.studies.gan import KINDS
from pellucid.studies.gan_lab import MOST, Lab, Setup, Taken
from pellucid.studies.mixture import Iteration, MixtureStudy, expectation_maximisation
from pellucid.studio.schemas.generation import CourseInfo, GanInfo, MixtureInfo, TroubleInfo
from pellucid.types.errors import InputError
from pellucid.views.colours import series
from pellucid.views.generation import WINDOW
from pellucid.views.mixture import ellipse

AT_ONCE = 100  # moves that one answer waits for
KEPT = 8  # laboratories
DRAWN = 400  # numbers of a course
LIKELIEST, POINTS, COMPONENTS = 100, 600, 16  # iterations of EM, its points, its components at most


class Labs:
    """The laboratories that were asked for last. A lab is a function of its setup and its moves, so that who
    asks for further moves gets it as it is now, and who asks for others a new one.
    """

    def __init__(self) -> None:
        self._kept: list[Lab] = []
        self._turn = Lock()  # one at a time: they share torch's generator, and the processor

    def info(self, setup: Setup, moves: str) -> GanInfo:
        """The lab after `moves`, or as many of them as may be waited for."""
        with self._turn:
            lab = self._nearest(setup, moves)
            lab.move(moves[len(lab.moves) :][:AT_ONCE])
            return _gan_info(lab)

    def _nearest(self, setup: Setup, moves: str) -> Lab:
        """The one that has made the most of these moves and no others, now the last to be forgotten."""
        begun = [each for each in self._kept if each.setup == setup and moves.startswith(each.moves)]
        lab = max(begun, key=lambda each: len(each.moves)) if begun else Lab(setup)
        self._kept = [*(each for each in self._kept if each is not lab), lab][-KEPT:]
        return lab


def moves_of(text: str) -> str:
    """A letter a move: b3c1 → bbbc. Raises `InputError` for what is no row of moves, and for too many."""
    if not re.fullmatch(r"(?:[bcg][0-9]{0,5})*", text):
        raise InputError(
            f"moves are letters with their number, b (both), c (critic), g (generator), as in b200c1g1; got "
            f"{text[:60]!r}"
        )
    found = [(letter, int(number or 1)) for letter, number in re.findall(r"([bcg])([0-9]*)", text)]
    if sum(number for _, number in found) > MOST:
        raise InputError(
            f"a laboratory makes {MOST:,} moves at most; train a recipe (gaussians-gan) for more"
        )
    return "".join(letter * number for letter, number in found)


def told(moves: str) -> str:
    """bbbc → b3c1."""
    return "".join(f"{letter}{len(list(run))}" for letter, run in groupby(moves))


def _gan_info(lab: Lab) -> GanInfo:
    scene, setup = lab.scene(), lab.setup
    kind = KINDS[setup.kind].task
    words = [
        "pellucid train gaussians-gan",
        f"--data.name {setup.data} --model.name {KINDS[setup.kind].model} --task.loss {kind.loss}",
        f"--task.constraint {kind.constraint} --task.clip {kind.clip:g} --task.penalty {kind.penalty:g}",
        f"--task.critic-lr {setup.critic * setup.lr:g} --optim.lr {setup.lr:g} --seed {setup.seed}",
        "--schedule.name constant",
    ]
    return GanInfo(
        moves=told(lab.moves),
        step=scene.step,
        parts=len(PLANAR[setup.data][1]),
        reach=WINDOW,
        real=_row(scene.real),
        made=_row(scene.made),
        pulls=_row(scene.pulls, 4),
        side=len(scene.surface),
        surface=scene.surface.ravel().tolist(),
        measures=dict(scene.measures),
        troubles=[TroubleInfo(name=name, words=said) for name, said in scene.troubles.items()],
        courses=list(_courses(lab)),
        command=" ".join(words),
    )


def _courses(lab: Lab) -> Iterable[CourseInfo]:
    """What both players minimise, and their gradients' norms, along the moves."""
    for player in ("critic", "generator"):
        mine = [each for each in lab.taken if player in each.norms]
        some = mine[:: -(-len(mine) // DRAWN)] if mine else []
        some = [*some, *([mine[-1]] if mine and mine[-1] is not some[-1] else [])]
        steps = [each.step for each in some]
        yield CourseInfo(name=f"{player} loss", steps=steps, values=[_loss(each, player) for each in some])
        norms = [each.norms[player] for each in some]
        yield CourseInfo(name=f"{player} gradient", steps=steps, values=norms)


def _loss(taken: Taken, player: str) -> float:
    parts: Mapping[str, float] = taken.losses
    return sum(value for name, value in parts.items() if name.startswith(f"{player}."))


def mixture_info(study: MixtureStudy, number: int | None) -> MixtureInfo:
    """EM after iteration `number`, by default its last; `study` names one kind and one count."""
    points, course = _course(replace(study, points=POINTS, iterations=LIKELIEST))
    number = len(course) if number is None else number
    if not 1 <= number <= len(course):
        raise InputError(f"EM took {len(course)} iterations here, counted from 1; got {number}")
    here = course[number - 1]
    pairs = list(zip(here.means, here.covariances, strict=True))
    words = f"--components {study.components[0]} --covariance {study.covariance[0]} --seed {study.seed}"
    return MixtureInfo(
        points=_row(points),
        reach=WINDOW,
        iterations=len(course),
        number=number,
        weights=here.weights.tolist(),
        means=[(float(x), float(y)) for x, y in here.means],
        ellipses=[_row(np.stack(ellipse(mean, covariance), 1)) for mean, covariance in pairs],
        responsibilities=_row(here.responsibilities),
        log_likelihood=[each.log_likelihood for each in course],
        colours=[series(component) for component in range(len(here.means))],
        command=f"pellucid study mixture --data {study.data} --points {POINTS} {words}",
    )


@lru_cache(maxsize=16)
def _course(study: MixtureStudy) -> tuple[NDArray[np.float64], Sequence[Iteration]]:
    """The points, and every iteration of EM on them from the study's seed."""
    if max(study.components, default=0) > COMPONENTS:
        raise InputError(
            f"here a mixture has up to {COMPONENTS} components; got {max(study.components)}; "
            "`pellucid study mixture` takes more"
        )
    points = study.check()
    kind, count = study.covariance[0], study.components[0]
    return points, list(expectation_maximisation(points, count, kind, study, study.seed))


def _row(values: NDArray[Any], digits: int = 3) -> list[float]:
    found: list[float] = np.round(np.asarray(values, np.float64), digits).ravel().tolist()
    return found

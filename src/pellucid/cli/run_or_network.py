"""What a command that takes a run takes as well: a recipe or network, with trained weights."""

from __future__ import annotations

from pathlib import Path

from pellucid.data.settings import PictureSettings
from pellucid.recipes.fitting import InputSettings
from pellucid.types.errors import InputError


def is_run(what: str) -> bool:
    """Whether `what` is the folder of a run, not the name of a recipe or network."""
    return (Path(what) / "run.json").exists()


def check_says_nothing(run: str, weights: str, model: InputSettings, pictures: PictureSettings) -> None:
    """Raise `InputError` for options that are the run's own to know."""
    if weights:
        raise InputError(f"{run} is a run and has its own weights; leave --weights out")
    if (model, pictures) != (type(model)(), type(pictures)()):
        raise InputError(f"{run} is a run and knows how it sees pictures; leave --model.… and --data.… out")

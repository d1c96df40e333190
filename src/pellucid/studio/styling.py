"""Pictures painted in the style of others, for a page that looks on while they grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.data.decode import decode
from pellucid.recipes.opened import OpenedNetwork
from pellucid.studio.called import Called
from pellucid.studio.jobs import Report
from pellucid.studio.pictures import Picture
from pellucid.studio.schemas.generation import StyledInfo, StyleRequest
from pellucid.synthesis.style import stylise
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.errors import InputError
from pellucid.types.stylisation import Stylised
from pellucid.views.pictures import rgb_pixels
from pellucid.views.raster import png

LARGEST, LONGEST = 512, 500  # pixels of the longer side, steps on the first canvas
_EVERY = {160: 5, 224: 3}  # steps between pictures by the longer side, so that one comes every second or so


@dataclass
class Styled:
    """A picture that is painted: `last` is None before the first, `losses` by name along the steps `at`."""

    request: StyleRequest
    called: Called
    last: Stylised | None = None
    at: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    picture: bytes = b""


def settings_of(request: StyleRequest) -> StyleSettings:
    """Raises `InputError` for what cannot be, and for what a page would wait for too long."""
    if not 32 <= request.side <= LARGEST or not 1 <= request.steps <= LONGEST:
        raise InputError(
            f"here a picture has a longer side of 32 to {LARGEST} pixels and 1 to {LONGEST} steps; got "
            f"{request.side} and {request.steps}; `pellucid style` takes more"
        )
    return StyleSettings(
        content_layers=tuple(request.content_layers),
        style_layers=tuple(request.style_layers),
        content=request.content_weight,
        style=request.style_weight,
        variation=request.variation,
        side=request.side,
        steps=request.steps,
        colours="content" if request.keep_colours else "style",
        start="noise" if request.noise else "content",
        seed=request.seed,
        every=next((every for side, every in _EVERY.items() if request.side <= side), 2),
    )


def paint(styled: Styled, opened: OpenedNetwork, content: Picture, style: Picture, report: Report) -> Styled:
    """Fill in `styled` as the picture grows. Raises `InputError` as `stylise` does."""
    how = settings_of(styled.request)
    pictures = decode(content.content), decode(style.content)
    for found in stylise(opened.model, *pictures, opened.preprocessing, how):
        for name, loss in found.losses.items():
            styled.losses.setdefault(name, []).append(float(loss))
        styled.at.append(found.step)
        styled.picture = png(np.ascontiguousarray(rgb_pixels(found.pixels())))
        styled.last = found
        report(found.step / found.steps, f"{found.step} / {found.steps}")
    return styled


def styled_info(styled: Styled) -> StyledInfo:
    last = styled.last
    if last is None:
        raise InputError("there is no picture yet")
    seen = len(styled.at)  # one may be appended meanwhile
    return StyledInfo(
        step=last.step,
        steps=last.steps,
        finished=last.finished,
        size=list(last.picture.shape[1:]),
        at=styled.at[:seen],
        losses={name: values[:seen] for name, values in styled.losses.items()},
        content_layers=list(last.content_layers),
        style_layers=list(last.style_layers),
        precision=last.precision,
        notes=list(last.notes),
        command=command_of(styled),
        python=python_of(styled),
    )


def _differing(request: StyleRequest) -> dict[str, Any]:
    """What differs from the library's own settings, by their names."""
    how, usual = settings_of(request), StyleSettings()
    names = ("content_layers", "style_layers", "content", "style", "variation", "side", "steps", "colours")
    return {
        name: getattr(how, name)
        for name in (*names, "start", "seed", "every")
        if getattr(how, name) != getattr(usual, name)
    }


def command_of(styled: Styled) -> str:
    """The command that paints the same picture."""
    words = [f"pellucid style CONTENT STYLE {styled.called.words('--network')}"]
    for name, value in _differing(styled.request).items():
        said = " ".join(value) if isinstance(value, tuple) else value
        words.append(f"--{name.replace('_', '-')} {said}")
    return " ".join(words)


def python_of(styled: Styled) -> str:
    """A program that paints the same picture."""
    settings = ", ".join(f"{name}={value!r}" for name, value in _differing(styled.request).items())
    lines = [
        "from pathlib import Path",
        "",
        "from pellucid.data.decode import decode",
        styled.called.imported,
        "from pellucid.synthesis.style import stylise",
        "from pellucid.synthesis.style_settings import StyleSettings",
        "",
        f"network = {styled.called.opened}",
        'content, style = decode(Path("CONTENT")), decode(Path("STYLE"))',
        f"how = StyleSettings({settings})",
        "for painted in stylise(network.model, content, style, network.preprocessing, how):",
        "    print(painted.step, painted.losses)",
    ]
    return "\n".join(lines)

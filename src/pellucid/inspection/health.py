"""What is wrong inside a network that is being trained, from what the recorder kept: which layers, how much,
and what usually helps.

Gradients are compared between layers relative to the weights, ‖∂L/∂w‖ / ‖w‖: the change that a step of a
given rate makes. It does not grow with a layer's size, as the norm alone does. What is told:

- vanishing: a layer's relative gradient is less than 1e-4 of the last layer's.
- exploding: it is more than 1,000 times the last layer's, or a gradient is 100 times as large as its weights.
- dead: 60 % or more of a rectifier's units are at zero on all probe pictures.
- saturated: 60 % or more of a sigmoid's or tanh's values lie within 2 % of the ends of its range.
- fading: a layer's activations spread less than 1e-4 as far as the first layer's.

Where a training has several players, such as a GAN's, each one's layers are compared among themselves, since
their gradients are of different losses, and none with its weights: a critic's score is on no scale.

A finding has to hold at two recorded steps in a row, none before step 10: blocks that begin at zero on
purpose have no gradient at first. While it trains, nothing is told before the end of the warm-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pellucid.types.recording import LayerStatistics, Recording

Kind = Literal["vanishing", "exploding", "dead", "saturated", "fading"]

VANISHING, EXPLODING, OVER = 1e-4, 1e3, 1e2
DEAD, SATURATED, FADING = 0.6, 0.6, 1e-4
FROM_STEP, IN_A_ROW = 10, 2
_TWO_ENDED = ("Sigmoid", "Hardsigmoid", "Tanh", "Softsign")
_NORMS = ("Norm", "Norm1d", "Norm2d", "Norm3d")
_SHAPES = ("Flatten", "Unflatten", "Identity")  # change no value
_NAMED = 4  # layers named in a sentence


@dataclass(frozen=True)
class Finding:
    """`layers` in the order they run, `worst` the one with the most extreme `value`, which is the ratio or
    the fraction that the kind is about. `step` is the recording it was seen at, `since` the first of the
    unbroken row that ends there. `words` say what is so and why, `advice` what usually helps.
    """

    kind: Kind
    layers: tuple[str, ...]
    worst: str
    value: float
    step: int
    since: int
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.words}; {self.advice}"


Check = Callable[[Sequence[LayerStatistics], int], list[Finding]]


def diagnose(recordings: Sequence[Recording]) -> tuple[Finding, ...]:
    """What is wrong at the last of these recordings, in the order of their steps, and since when."""
    seen = [recording for recording in recordings if recording.step >= FROM_STEP]
    found = []
    for check in CHECKS:
        since: Recording | None = None
        row = 0
        for recording in reversed(seen):
            if not _checked(check, recording):
                break
            since, row = recording, row + 1
        if since is not None and row >= IN_A_ROW:
            found += [replace(finding, since=since.step) for finding in _checked(check, seen[-1])]
    return tuple(found)


def _checked(check: Check, recording: Recording) -> list[Finding]:
    return [found for layers in by_player(recording.layers) for found in check(layers, recording.step)]


def by_player(layers: Iterable[LayerStatistics]) -> list[list[LayerStatistics]]:
    """The layers of each player, in their order; one list where there is one player."""
    found: dict[str, list[LayerStatistics]] = {}
    for layer in layers:
        found.setdefault(layer.player, []).append(layer)
    return list(found.values())


class Watch:
    """Tells each kind of trouble once, while a training runs."""

    def __init__(self) -> None:
        self._recent: list[Recording] = []
        self._told: set[Kind] = set()

    def new(self, recording: Recording) -> list[Finding]:
        """What is found now and was not told before."""
        light = Recording(
            recording.step, recording.epoch, recording.layers, None, {}, np.empty(0, np.float32)
        )
        self._recent = [*self._recent, light][-IN_A_ROW:]
        found = [each for each in diagnose(self._recent) if each.kind not in self._told]
        self._told |= {each.kind for each in found}
        return found


def relative_gradients(layers: Iterable[LayerStatistics]) -> dict[str, float]:
    """‖∂L/∂w‖ / ‖w‖ of the layers that have both, in the order they run. Of norm layers there is none: their
    few weights are a scale near 1, and say little of the gradient's way.
    """
    return {
        layer.name: layer.gradient_norm / layer.weight_norm
        for layer in layers
        if layer.gradient_norm is not None and layer.weight_norm and not layer.kind.endswith(_NORMS)
    }


def _vanishing(layers: Sequence[LayerStatistics], step: int) -> list[Finding]:
    flow = relative_gradients(layers)
    if len(flow) < 3:
        return []
    last = list(flow)[-1]
    ratios = {name: value / flow[last] for name, value in flow.items()} if flow[last] > 0 else {}
    low = {name: ratio for name, ratio in ratios.items() if ratio < VANISHING}
    if not low:
        return []
    worst = min(low, key=lambda name: low[name])
    words = (
        f"the gradient vanishes towards the input: at {worst} it is {_times(low[worst])} of that at {last}, "
        f"the last layer (relative to the weights; below {VANISHING:g} in {_names(low)})"
    )
    return [_finding("vanishing", low, worst, step, words, _why_vanishing(layers, worst))]


def _why_vanishing(layers: Sequence[LayerStatistics], worst: str) -> str:
    """The cause as far as the layers after the worst one show it."""
    names = [layer.name for layer in layers]
    after = list(layers)[names.index(worst) :]
    flat = [layer for layer in after if layer.kind in _TWO_ENDED]
    kinds = sorted({layer.kind.lower() for layer in flat})
    rectifiers = [layer for layer in after if layer.dead is not None and layer.dead >= DEAD]
    if flat:
        most = "a quarter" if any("igmoid" in kind for kind in kinds) else "all"
        return (
            f"{len(flat)} layers of {' and '.join(kinds)} follow it, each of which passes at most {most} of "
            "it on, and next to nothing near its ends: use ReLU or GELU, normalise between layers, begin "
            "with Xavier's weights (--model.initialisation xavier-normal), or add skip connections"
        )
    if rectifiers:
        return (
            f"{_names([layer.name for layer in rectifiers])} after it are dead in great part: lower the "
            "learning rate or warm it up, and begin with He's weights (--model.initialisation he-normal)"
        )
    return (
        "nothing after it flattens it, so it is the weights that are small: begin with He's "
        "(--model.initialisation he-normal), normalise between layers, or add skip connections"
    )


def _exploding(layers: Sequence[LayerStatistics], step: int) -> list[Finding]:
    flow = relative_gradients(layers)
    if not flow:
        return []
    last = list(flow)[-1]
    ratios = {name: value / flow[last] for name, value in flow.items()} if flow[last] > 0 else {}
    growing = {name: ratio for name, ratio in ratios.items() if ratio > EXPLODING}
    help_ = (
        "clip it (--clip-norm 1), lower the learning rate or warm it up, and begin with smaller weights "
        "(--model.initialisation he-normal) or normalise between layers"
    )
    if growing:
        worst = max(growing, key=lambda name: growing[name])
        words = (
            f"the gradient explodes towards the input: at {worst} it is {_times(growing[worst])} of that at "
            f"{last}, the last layer (relative to the weights; above {EXPLODING:g} in {_names(growing)})"
        )
        return [_finding("exploding", growing, worst, step, words, help_)]
    large = {name: ratio for name, ratio in flow.items() if ratio > OVER}
    if not large or layers[0].player:
        return []
    worst = max(large, key=lambda name: large[name])
    words = f"the gradient is {_times(large[worst])} as large as the weights at {worst} ({_names(large)})"
    return [_finding("exploding", large, worst, step, words, help_)]


def _dead(layers: Sequence[LayerStatistics], step: int) -> list[Finding]:
    dead = {layer.name: layer.dead for layer in layers if layer.dead is not None and layer.dead >= DEAD}
    if not dead:
        return []
    worst = max(dead, key=lambda name: dead[name])
    share = f"{100 * dead[worst]:.0f} % of the units"
    words = f"{share} of {worst} are at zero on all probe pictures ({_names(dead)})"
    advice = (
        "they get no gradient and may never come back: lower the learning rate or warm it up, begin with "
        "biases at zero, normalise before the activation, or use one that leaks (LeakyReLU, GELU)"
    )
    return [_finding("dead", dead, worst, step, words, advice)]


def _saturated(layers: Sequence[LayerStatistics], step: int) -> list[Finding]:
    # A sigmoid at the end that is sure of itself is what it should be, and so is a tanh that paints.
    last = next((layer for layer in reversed(layers) if layer.kind not in _SHAPES), None)
    flat = {
        layer.name: layer.saturated
        for layer in layers
        if layer.saturated is not None and layer.saturated >= SATURATED and layer is not last
    }
    if not flat:
        return []
    worst = max(flat, key=lambda name: flat[name])
    words = (
        f"{100 * flat[worst]:.0f} % of the values of {worst} lie at the ends of its range ({_names(flat)})"
    )
    advice = (
        "next to no gradient passes there: begin with smaller weights (--model.initialisation "
        "xavier-normal), normalise before the activation or its inputs, or lower the learning rate"
    )
    return [_finding("saturated", flat, worst, step, words, advice)]


def _fading(layers: Sequence[LayerStatistics], step: int) -> list[Finding]:
    weighted = [layer for layer in layers if layer.weight_norm is not None]
    if len(weighted) < 3 or not weighted[0].activation_std > 0:
        return []
    first = weighted[0]
    faint = {
        layer.name: layer.activation_std / first.activation_std
        for layer in weighted[1:]
        if layer.activation_std < FADING * first.activation_std
    }
    if not faint:
        return []
    worst = min(faint, key=lambda name: faint[name])
    words = (
        f"the signal fades: what {worst} gives spreads {_times(faint[worst])} as far as what {first.name}, "
        f"the first layer, gives ({_names(faint)})"
    )
    advice = (
        "pictures are hardly told apart there: begin with larger weights (--model.initialisation he-normal) "
        "or normalise between layers"
    )
    return [_finding("fading", faint, worst, step, words, advice)]


CHECKS: tuple[Check, ...] = (
    _vanishing,
    _exploding,
    _dead,
    _saturated,
    _fading,
)


def _finding(kind: Kind, layers: dict[str, float], worst: str, step: int, words: str, advice: str) -> Finding:
    return Finding(kind, tuple(layers), worst, layers[worst], step, step, words, advice)


def _times(ratio: float) -> str:
    """A ratio as people read it: 3.2e-09, 0, 1,500 times."""
    if ratio == 0:
        return "0"
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1e}"


def _names(layers: Iterable[str]) -> str:
    names = list(layers)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

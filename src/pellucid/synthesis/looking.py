"""What layers answer to a picture that is being made: with its gradient, and no further than it must."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from torch import Tensor, nn

from pellucid.inspection.capture import Key, capture, unwrapped
from pellucid.inspection.layout import Layout, channels_first
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.running import run
from pellucid.types.errors import InputError


def looked_at(
    model: nn.Module, layers: Collection[Key], inputs: Tensor, layouts: Mapping[Key, Layout]
) -> dict[Key, Tensor]:
    """What `layers` give for `inputs`, as (b, c), (b, c, tokens) or (b, c, h, w), by their
    `layouts` (`layer_layouts`).

    The network runs in evaluation mode until the last of them has answered. Raises `InputError` for a layer
    that it does not have, or a call that it does not make.
    """
    found: dict[Key, Tensor] = {}
    missing = set(layers)
    calls: dict[str, int] = {}

    def keep(name: str, output: Tensor) -> None:
        key = (name, calls.get(name, 0))
        calls[name] = key[1] + 1
        if key not in missing:
            return
        # A copy: a later layer may work in place.
        found[key] = channels_first(layouts, key, output.clone())
        missing.remove(key)
        if not missing:
            raise _SeenEnough

    looking = capture(model, dict.fromkeys(name for name, _ in layers), keep=keep)
    with evaluation_mode(unwrapped(model)), suppress(_SeenEnough), looking:
        run(model, inputs)
    if missing:
        name, call = sorted(missing)[0]
        raise InputError(
            f"{name or 'the network'} gave no tensor at call {call}: it ran {calls.get(name, 0)} times"
        )
    return found


class _SeenEnough(Exception):  # noqa: N818 - not an error: the way out of a network that need not run on
    """All layers have answered."""

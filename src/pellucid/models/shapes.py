"""What a network may expect of its inputs."""

from __future__ import annotations

from pellucid.types.errors import InputError


def picture_shape(inputs: tuple[int, ...]) -> tuple[int, int, int]:
    """(channels, height, width) of `inputs`; an `InputError` if they are not pictures."""
    if len(inputs) != 3:
        raise InputError(
            f"a convolutional network needs pictures (channels, height, width), but one input here has shape "
            f"{inputs}; for a table take 'mlp', 'mlp-deep' or 'perceptron'"
        )
    return inputs[0], inputs[1], inputs[2]

"""What a network may expect of its inputs."""

from __future__ import annotations

from pellucid.types.errors import InputError


def picture_shape(inputs: tuple[int, ...], *, smallest: int = 1) -> tuple[int, int, int]:
    """(channels, height, width) of `inputs`; an `InputError` if they are no pictures, or have a side shorter
    than `smallest` pixels, below which a layer would have nothing left to look at.
    """
    if len(inputs) != 3:
        raise InputError(
            f"a convolutional network needs pictures (channels, height, width), but one input here has shape "
            f"{inputs}; for a table take 'mlp', 'mlp-deep' or 'perceptron'"
        )
    channels, height, width = inputs
    if min(height, width) < smallest:
        raise InputError(
            f"this network needs pictures of at least {smallest} × {smallest} pixels, these have {height} × "
            f"{width}; bring them to size with --data.size {smallest} or more, or take a network for small "
            "pictures, cifar-resnet20 say"
        )
    return channels, height, width

"""Trained weights from a file into a network."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pellucid.inspection.capture import unwrapped
from pellucid.types.errors import InputError

_CONTAINERS = ("state_dict", "model_state_dict", "model")
_WRAPPERS = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's
_SHOWN = 4
# What the readers raise for bytes that are no archive or pickle, or stop in the middle of one.
_BROKEN = (
    SafetensorError,
    EOFError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OSError,
    struct.error,
)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Copy the weights in `path` into `model`, all of them or none.

    Takes `.safetensors`, and any other file as one of `torch.save`: a state dict, or a checkpoint with one
    under `state_dict`, `model_state_dict` or `model`. No object but tensors and plain containers is ever
    unpickled. Raises `InputError` if the file is no such thing or its names and shapes are not the network's;
    `OSError` if it cannot be read.
    """
    path = Path(path)
    load_state(model, _without_wrappers(_state_dict(_read(path), path)), str(path))


def load_state(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Copy `state`, read from `where`, into `model`, all or nothing; names and shapes must be its own."""
    model = unwrapped(model)
    own = model.state_dict()
    # Weights saved before torch 0.4.1 do not count batches; torch itself starts these counters at zero.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems = [
        f"{len(names)} {what}: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        if names
    ]
    if problems:
        raise InputError(
            f"{where} does not hold the weights of this {type(model).__name__}; {'; '.join(problems)}"
        )
    model.load_state_dict(state, strict=False)


def _read(path: Path) -> object:
    path.open("rb").close()  # raises if it cannot be read; any error after this is about what it holds
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is not a file of weights, or holds Python objects, which are never unpickled: "
            "save model.state_dict() alone"
        ) from error
    except _BROKEN as error:
        raise InputError(
            f"{path} is not a file of weights, or was cut short: copy or save it again"
        ) from error


def _state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """The names and tensors in a file's content, also from inside a checkpoint."""
    while isinstance(content, Mapping):
        within = [content[key] for key in _CONTAINERS if isinstance(content.get(key), Mapping)]
        if not within:
            break
        content = within[0]
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}, expected a state dict (names to tensors)")
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others or not content:
        held = f"{', '.join(others[:_SHOWN])} (no tensors)" if others else "nothing"
        raise InputError(f"{path} holds {held}; expected a state dict, or one under {', '.join(_CONTAINERS)}")
    return dict(content)


def _without_wrappers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPERS * 2:  # they nest in either order
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state

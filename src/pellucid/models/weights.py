"""Trained weights: read from files and written to them, with what has to be known to use them, and loaded
into networks.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor, nn

from pellucid.inspection.wrappers import unwrapped
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

KeyMap = Callable[[str], str]
"""From a weight's name in a file to its name in a network."""

_CONTAINERS = ("state_dict", "model_state_dict", "model")
# DataParallel's and torch.compile's, and what people call the network within a larger module.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.", "net.")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # classifiers of Inception networks that only training needs
_RECORD = "pellucid"  # in the metadata of a file of safetensors
_SHOWN = 4
_CHANNELS = {1: "L", 3: "RGB"}
# What the readers raise for bytes that are no archive or pickle, or stop in the middle of one.
BROKEN = (
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


@dataclass(frozen=True)
class Weights:
    """Weights before they are in a network; `where` is what messages call them.

    `preprocessing` and `classes`, in the order of the network's outputs, travel with them; None and empty
    where they came without.
    """

    state: Mapping[str, Tensor]
    where: str
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] = ()


def read_weights(path: str | Path) -> Weights:
    """The weights in a file.

    Takes `.safetensors`, and any other file as one of `torch.save`: a state dict, or a checkpoint with one
    under `state_dict`, `model_state_dict` or `model`. No object but tensors and plain containers is ever
    unpickled. Raises `InputError` if the file is no such thing; `OSError` if it cannot be read.
    """
    path = Path(path)
    content, record = _read(path)
    return Weights(_state_dict(content, path), str(path), *_parsed(record, path))


def save_weights(
    model: nn.Module, path: str | Path, *, preprocessing: Preprocessing, classes: Sequence[str], name: str
) -> None:
    """Write the weights of `model`, the network called `name`, as safetensors, with what has to be known to
    use them in the file's metadata, where `read_weights` finds it. A file that is there is replaced at once,
    or not at all.
    """
    record = record_of(preprocessing=preprocessing, classes=classes, name=name)
    state = unwrapped(model).state_dict()
    # Safetensors refuses tensors that share memory, as tied weights do.
    own = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
    content = serialise(own, {"format": "pt", _RECORD: record})
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def record_of(*, preprocessing: Preprocessing | None, classes: Sequence[str], name: str) -> str:
    """What has to be known to use the network called `name`, as JSON."""
    record = {
        "schema": 1,
        "name": name,
        "preprocessing": asdict(preprocessing) if preprocessing else None,
        "classes": list(classes),
    }
    return json.dumps(record, ensure_ascii=False)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Copy the weights in a file into `model`, all of them or none: `read_weights`, then `load_state`."""
    weights = read_weights(path)
    load_state(model, weights.state, weights.where)


def load_state(
    model: nn.Module,
    state: Mapping[str, Tensor],
    where: str,
    *,
    but: Collection[str] = (),
    maps: Sequence[KeyMap] = (),
) -> None:
    """Copy `state`, read from `where`, into `model`, all or nothing, in the precision of `model`.

    Names may be the network's own, or become so by dropping a prefix that all have, by one of `maps`, or by
    the network's own rules for older files. What is called one of `but` stays as it is. Raises `InputError`
    that tells which names and shapes differ.
    """
    model = unwrapped(model)
    own = model.state_dict()
    state = _named_as(model, state, but, maps)
    # Weights saved before torch 0.4.1 do not count batches; torch itself starts these counters at zero.
    wanted = [name for name in own if name not in but and not name.endswith("num_batches_tracked")]
    missing = [name for name in wanted if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    kinds = [
        f"{name} {_kind(state[name])} instead of {_kind(own[name])}"
        for name in own
        if name in state and own[name].is_floating_point() and _kind(state[name]) != _kind(own[name])
    ]
    problems = [
        f"{len(names):,} {what}: {', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
            ("of another kind", kinds),
        )
        if names
    ]
    if problems:
        asked = _trained_otherwise(state, own) if shapes and not missing else ""
        raise InputError(
            f"{where} does not hold the weights of this {type(model).__name__}; {'; '.join(problems)}{asked}"
        )
    own.update(state)  # it knows the versions of its modules, which some of them ask for
    model.load_state_dict(own)


def _trained_otherwise(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """What may be behind other shapes of the same names: pictures of other channels where only the first
    layer's inputs differ, or other classes.
    """
    (theirs, ours), *more = [
        (state[name].shape, tensor.shape)
        for name, tensor in own.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if not more and len(ours) == 4 and theirs[0] == ours[0] and theirs[1] in _CHANNELS:
        return f" (trained on pictures of {theirs[1]} channels? --data.channels {_CHANNELS[theirs[1]]})"
    return " (trained for other classes? --model.classifier new)"


def _kind(tensor: Tensor) -> str:
    """What cannot be copied into another kind, or not without losing what it means."""
    if tensor.layout is not torch.strided:
        return "sparse"
    if tensor.is_complex():
        return "complex numbers"
    return "fractions" if tensor.is_floating_point() else "whole numbers"


def _named_as(
    model: nn.Module, state: Mapping[str, Tensor], but: Collection[str], maps: Sequence[KeyMap]
) -> dict[str, Tensor]:
    """`state` by the names that `model` has, as far as they can be found; without those in `but`."""
    own = model.state_dict().keys()
    plain = without_wrappers(dict(state), own)
    candidates = [plain, *({rename(name): tensor for name, tensor in plain.items()} for rename in maps)]
    named = min(candidates, key=lambda candidate: len(own ^ candidate.keys()))
    if not any(name.startswith(_AUXILIARY) for name in own):
        named = {name: tensor for name, tensor in named.items() if not name.startswith(_AUXILIARY)}
    named = {name: tensor for name, tensor in named.items() if name not in but}
    return named if named.keys() <= own else _by_own_rules(model, named, but)


def _by_own_rules(model: nn.Module, state: dict[str, Tensor], but: Collection[str]) -> dict[str, Tensor]:
    """torchvision's transformers, for one, rename the weights of their older files as they load them."""
    shell = copy.deepcopy(model).to("meta")
    try:
        missing, unexpected = shell.load_state_dict(state, strict=False, assign=True)
    except (RuntimeError, ValueError):  # other shapes or versions; the caller tells which
        return state
    if unexpected or not set(missing) <= set(but):
        return state
    return {name: tensor for name, tensor in shell.state_dict().items() if not tensor.is_meta}


def without_wrappers(state: dict[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """The names without prefixes that all of them have, unless those of `own` have them, too; they nest in
    any order.
    """
    names = {*own}
    for prefix in _WRAPPERS * len(_WRAPPERS):
        if all(name.startswith(prefix) for name in state):
            plain = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
            if len(names & plain.keys()) >= len(names & state.keys()):
                state = plain
    return state


def _read(path: Path) -> tuple[object, str]:
    """What a file holds, and the record in its metadata; empty where there is none."""
    if path.is_dir():
        raise InputError(
            f"{path} is a folder, expected a file of weights; a run keeps its best in checkpoints/best"
        )
    path.open("rb").close()  # raises if it cannot be read; any error after this is about what it holds
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return load_file(path), (file.metadata() or {}).get(_RECORD, "")
        return torch.load(path, weights_only=True, map_location="cpu"), ""
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is not a file of weights, or holds Python objects, which are never unpickled: "
            "save model.state_dict() alone"
        ) from error
    except BROKEN as error:
        raise InputError(
            f"{path} is not a file of weights, or was cut short: copy or save it again"
        ) from error


def _parsed(record: str, path: Path) -> tuple[Preprocessing | None, tuple[str, ...]]:
    """The record that `save_weights` wrote."""
    if not record:
        return None, ()
    try:
        content: dict[str, Any] = json.loads(record)
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content["preprocessing"].items()
        }
        return Preprocessing(**fields), tuple(content["classes"])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"{path} says how its network wants pictures in words that this version does not know ({error}); "
            "read it with the version that wrote it"
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

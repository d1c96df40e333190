"""Transfer: a trained network for another question. Which of its weights are the classifier, which of them
learn, and how fast.

Nothing here knows any architecture. The classifier is what has another shape when there is one class more;
what comes before a layer is what a run of the network has used when that layer begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import Tensor, nn

from pellucid.inspection.trace import Trace, trace
from pellucid.inspection.wrappers import unwrapped
from pellucid.models.naming import build_on_meta
from pellucid.types.errors import InputError, unknown_name


def classifier_of(name: str, *, inputs: tuple[int, ...], outputs: int) -> frozenset[str]:
    """The weights, named as in the state dict, whose shape depends on the number of outputs: the last layer,
    and those of auxiliary classifiers. `name` and the rest are as for `build_model`.

    Raises `InputError` where this is no part of the network, or all of it.
    """
    own, other = (_shapes(name, inputs, count) for count in (outputs, outputs + 1))
    found = frozenset(key for key, shape in own.items() if other.get(key) != shape)
    if not found:
        raise InputError(
            f"{name} has no classifier to tell from the rest: no layer of it depends on the number of classes"
        )
    if len(found) == len(own):
        raise InputError(
            f"{name} is a classifier and nothing else, so there is nothing to take over or to freeze: every "
            "layer of it depends on the number of classes"
        )
    return found


def _shapes(name: str, inputs: tuple[int, ...], outputs: int) -> dict[str, torch.Size]:
    with torch.random.fork_rng(devices=[]):
        model = build_on_meta(name, inputs=inputs, outputs=outputs)
    return {key: tensor.shape for key, tensor in model.state_dict().items()}


def names_before(model: nn.Module, shape: tuple[int, ...], layer: str) -> frozenset[str]:
    """The parameters and buffers of `model` that are used before `layer` begins, for an input of `shape`
    (without the batch). `layer` is named as in `named_modules()`.

    Raises `InputError` for a layer that there is not or that does not run, or if nothing comes after it.
    """
    layers = [name for name, _ in unwrapped(model).named_modules() if name]
    if layer not in layers:
        raise unknown_name("layer", layer, layers, shown_by="pellucid inspect")
    run = _run(model, shape)
    starts = [call.start for call in run.calls if f"{call.name}.".startswith(f"{layer}.")]
    if not starts:
        raise InputError(f"{layer} does not run as a layer of its own; name the one around it")
    uses = _first_uses(run, model)
    found = frozenset(name for name, first in uses.items() if first < min(starts))
    if found.issuperset(name for name, _ in unwrapped(model).named_parameters()):
        raise InputError(f"from {layer} on there are no weights to train; name an earlier layer")
    return found


def all_but(model: nn.Module, names: Collection[str]) -> frozenset[str]:
    """The parameters and buffers of `model` that are not called one of `names`."""
    return frozenset(_held(unwrapped(model))) - frozenset(names)


def freeze(model: nn.Module, names: Iterable[str]) -> None:
    """Have these parameters and buffers of `model` stay as they are in training.

    Parameters get no gradients. Layers that would gather statistics into frozen buffers, batch norms above
    all, are put in evaluation mode, the rest of the network in training mode; `fit` leaves them so.
    """
    inner = unwrapped(model)
    held = _held(inner)
    frozen = {held[name] for name in names}
    if not inner.training:
        inner.train()
    for tensor in frozen:
        if isinstance(tensor, nn.Parameter):
            tensor.requires_grad_(False)
    for module in inner.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        gathers = any(buffer.is_floating_point() for buffer in module.buffers(recurse=False))
        if module is not inner and gathers and all(tensor in frozen for tensor in own):
            module.training = False  # not its parts: they have their own weights


def freeze_batch_norms(model: nn.Module, *, scale_and_shift: bool) -> None:
    """Have every batch norm of `model` normalise by its present running statistics; with `scale_and_shift` it
    is a fixed function altogether, as in detectors, whose batches are too small for statistics.

    Raises `InputError` for a network without any.
    """
    inner = unwrapped(model)
    kind = nn.modules.batchnorm._NormBase
    norms = [module for module in inner.modules() if isinstance(module, kind) and module.track_running_stats]
    if not norms:
        raise InputError(
            f"{type(inner).__name__} has no batch norm to freeze; leave model.freeze-norm at none"
        )
    if not inner.training:
        inner.train()
    for norm in norms:
        norm.training = False
        for parameter in norm.parameters(recurse=False):
            parameter.requires_grad_(parameter.requires_grad and not scale_and_shift)


def layer_rates(model: nn.Module, shape: tuple[int, ...], first: float) -> dict[str, float]:
    """What the learning rate of each parameter is multiplied by: `first` in the layer that works first, 1 in
    the last, and from each layer to the next by the same factor.

    Layers are modules with parameters of their own, in the order in which they work on an input of `shape`.
    """
    uses = _first_uses(_run(model, shape), model)
    layer_of = {name: name.rpartition(".")[0] for name, _ in unwrapped(model).named_parameters()}
    starts: dict[str, int] = {}
    for name, layer in layer_of.items():
        starts[layer] = min(uses[name], starts.get(layer, uses[name]))
    order = sorted(starts, key=starts.__getitem__, reverse=True)
    rates = {layer: first ** (place / max(1, len(order) - 1)) for place, layer in enumerate(order)}
    return {name: rates[layer] for name, layer in layer_of.items()}


def _run(model: nn.Module, shape: tuple[int, ...]) -> Trace:
    return trace(model, (torch.zeros(1, *shape),))


def _held(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _first_uses(run: Trace, model: nn.Module) -> dict[str, int]:
    """For each parameter and buffer the number of the first operation that uses it. What none uses, like an
    auxiliary classifier, which works in training only, stands with what is defined before it.
    """
    found: dict[str, int] = {}
    for operation in run.operations:
        for value in operation.inputs:
            if value.origin in ("parameter", "buffer"):
                found.setdefault(value.name, operation.index)
    uses, latest = {}, 0
    for name in _held(unwrapped(model)):
        latest = uses[name] = found.get(name, latest)
    return uses

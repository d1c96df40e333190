"""What to say when a network does not take the inputs it is given."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from pellucid.types.errors import InputError

# What a forward pass raises that finds a shape it does not take, or no values where it looks at some.
REFUSALS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    NotImplementedError,
    ArithmeticError,
)


class NeedsValuesError(InputError):
    """The network looks at values, so it cannot be run without them."""


def needs_values(error: BaseException) -> bool:
    """Whether `error` is one that only tensors without values cause."""
    return isinstance(error, NotImplementedError) or "meta" in str(error)


def check_inputs(model: nn.Module, inputs: Sequence[Any]) -> None:
    """Raise `InputError` where `model.forward` takes another number of inputs, and name them; and where there
    is no way to see how the network runs.
    """
    kind = type(model).__name__
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError(f"{kind} is TorchScript, which runs unseen: take the network that it was made of")
    if any(map(is_lazy, model.parameters())):
        raise InputError(f"{kind} has lazy layers, whose sizes are not known yet: run it once before")
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):  # one that is not written in Python
        return
    try:
        signature.bind(*inputs)
    except TypeError:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        taken = [each for each in signature.parameters.values() if each.kind in positional]
        needed = [each.name for each in taken if each.default is inspect.Parameter.empty]
        further = [each.name for each in taken if each.default is not inspect.Parameter.empty]
        more = f", and if you like {_listed(further)}" if further else ""
        raise InputError(
            f"{kind} takes {_counted(needed)}{more}; got {len(inputs)}; "
            "`pellucid inspect` takes an --input for each"
        ) from None


def refusal(address: str, module: nn.Module, shapes: Sequence[tuple[int, ...]], error: BaseException) -> str:
    """Which layer raised `error`, for inputs of which shapes, and what it expected."""
    where = f"{address} ({type(module).__name__})" if address else f"{type(module).__name__}.forward"
    given = " and ".join("×".join(map(str, shape)) or "a scalar" for shape in shapes) or "no tensor"
    if isinstance(error, (RuntimeError, ValueError, AssertionError)):
        expected = _expectation(module)
        because = f"; it expects {expected}: " if expected else ": "
        return f"{where} refused an input of shape {given}{because}{first_line(error)}"
    return f"{where} failed on an input of shape {given}: {type(error).__name__}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} input{'s' * (len(names) != 1)}{f', {_listed(names)}' if names else ''}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [*names[-1:]])


def _expectation(module: nn.Module) -> str:
    """What a layer of torch's says about its inputs."""
    match module:
        case nn.modules.conv._ConvNd():
            dims = len(module.kernel_size)
            return f"{module.in_channels} channels and {dims} dimension{'s' * (dims > 1)} after them"
        case nn.Linear():
            return f"{module.in_features} features in the last dimension"
        case nn.modules.batchnorm._NormBase():
            return f"{module.num_features} channels"
        case nn.GroupNorm():
            return f"{module.num_channels} channels"
        case nn.LayerNorm():
            return f"{'×'.join(map(str, module.normalized_shape))} at the end"
        case nn.RNNBase():
            return f"{module.input_size} features in the last dimension"
        case nn.MultiheadAttention():
            return f"{module.embed_dim} features in the last dimension"
        case nn.Embedding():
            return f"whole numbers below {module.num_embeddings}"
    return ""

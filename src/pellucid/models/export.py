"""Networks as files for other programs: ONNX, torch.export and safetensors.

Whatever is written is read back and compared with the network, at two sizes of batch. What has to be known to
use it, its name, how it wants pictures and what its outputs are called, travels in the file as the JSON
record of `models.weights`.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import logging
import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.refusals import REFUSALS
from pellucid.inspection.trace import trace
from pellucid.models.weights import record_of, save_weights
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

TOLERANCE = 1e-4  # of the largest output
BATCHES = (1, 3)
INPUT, OUTPUT, BATCH = "input", "output", "batch"
RECORD = (
    "pellucid"  # the key of the record in ONNX's metadata; its file in torch.export's archive ends in .json
)

_LARGEST_ONNX = 2**31 - 2**20  # what a file of protocol buffers holds, with room for the graph
_TORCH = f"{Path(torch.__file__).parent}{os.sep}"


class NotExportableError(InputError):
    """The network cannot be written in this format: which operation is in the way, and what to do."""


@dataclass(frozen=True)
class Card:
    """What travels with an exported network; None and empty where it is not known."""

    name: str
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """`write` writes a network that takes inputs of one shape into the file, and returns how the file's
    outputs differ from the network's, relative to the largest of them.
    """

    suffix: str
    write: Callable[[nn.Module, Path, tuple[int, ...], Card], float]


def export(model: nn.Module, path: Path, *, format: str, inputs: tuple[int, ...], card: Card) -> float:
    """Write `model` in evaluation mode for any number of inputs of shape `inputs`, in one of `FORMATS`.

    Returns the largest difference between the outputs of what was written and of the network, relative to
    the largest output. Raises `NotExportableError` where it cannot be written, or differs by more than
    `TOLERANCE` and more than three times what rounding alone does to the network: programs add in different
    orders, and a deep network with statistics of few pictures may magnify that. `path` may then hold a part.
    Raises `InputError` where the network refuses the inputs.
    """
    with evaluation_mode(model), torch.no_grad():
        trace(model, [torch.empty(1, *inputs, device="meta")])
        if not isinstance(output := model(torch.zeros(1, *inputs)), Tensor):
            raise NotExportableError(
                f"{card.name} gives a {type(output).__name__}; export writes networks that give one tensor, "
                "so wrap it in a module that picks the one that is wanted"
            )
        difference = FORMATS[format].write(model, path, inputs, card)
        faithful = difference <= TOLERANCE or difference <= _magnified(model, inputs)
    if not faithful:
        raise NotExportableError(
            f"{card.name} as {format} gives other outputs, off by {difference:.1g} of the largest one; keep "
            "its weights (--format safetensors) and its code instead"
        )
    return difference


def _safetensors(model: nn.Module, path: Path, inputs: tuple[int, ...], card: Card) -> float:
    if card.preprocessing is None:
        raise InputError(f"weights are written with how their network wants pictures; {card.name} lacks it")
    save_weights(model, path, preprocessing=card.preprocessing, classes=card.classes, name=card.name)
    kept = load_file(path)
    same = all(torch.equal(kept[name], tensor) for name, tensor in model.state_dict().items())
    return 0.0 if same else float("inf")


def _torch_export(model: nn.Module, path: Path, inputs: tuple[int, ...], card: Card) -> float:
    program, name = _traced(model, inputs, card), f"{RECORD}.json"
    with _quiet(), open(path, "wb") as file:
        torch.export.save(program, file, extra_files={name: _record(card)})
    with _quiet(), open(path, "rb") as file:
        read = torch.export.load(file).module()
    return _difference(model, read, inputs)


def _onnx(model: nn.Module, path: Path, inputs: tuple[int, ...], card: Card) -> float:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(f"ONNX needs {' and '.join(missing)}: pip install 'pellucid[export]'")
    import onnx
    import onnxruntime

    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    if size > _LARGEST_ONNX:
        raise NotExportableError(
            f"{card.name} has {size / 2**30:.1f} GiB of weights, and one file of ONNX holds 2; use --format "
            "torch-export"
        )
    written = _translated(_traced(model, inputs, card), card)
    onnx.helper.set_model_props(written, {RECORD: _record(card)})
    onnx.save(written, path)
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; its warnings are of its own optimisations
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return _difference(
        model, lambda x: torch.from_numpy(session.run([OUTPUT], {INPUT: x.numpy()})[0]), inputs
    )


FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", _onnx),
    "torch-export": Format(".pt2", _torch_export),
    "safetensors": Format(".safetensors", _safetensors),
}


def _traced(model: nn.Module, inputs: tuple[int, ...], card: Card) -> ExportedProgram:
    """The network's operations for any size of batch, without the places of the code they came from."""
    try:
        with _quiet():
            program = torch.export.export(
                model, (torch.zeros(2, *inputs),), dynamic_shapes=({0: Dim(BATCH, min=1)},)
            )
    except Exception as error:  # a forward pass may raise anything
        raise NotExportableError(f"{card.name} cannot be exported: {_reason(error)}") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def _translated(program: ExportedProgram, card: Card) -> Any:
    """The program as an ONNX model whose first dimension is called "batch"."""
    try:
        with _quiet():
            found = torch.onnx.export(
                program, (), dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
            )
            written = found.model_proto  # type: ignore[union-attr]
    except torch.onnx.OnnxExporterError as error:
        operation = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", str(error))
        why = f"has nothing like the operation {operation[1]}" if operation else _first_line(error)
        raise NotExportableError(
            f"{card.name} cannot be written as ONNX, which {why}; use --format torch-export, or compute it "
            "otherwise"
        ) from error
    symbol = written.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*written.graph.input, *written.graph.output, *written.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = re.sub(rf"\b{symbol}\b", BATCH, dimension.dim_param)
    return written


def _difference(model: nn.Module, written: Callable[[Tensor], Tensor], inputs: tuple[int, ...]) -> float:
    """The largest difference at all sizes of batch, relative to the largest output."""
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for batch in BATCHES:
        x = torch.randn(batch, *inputs, generator=generator)
        expected, given = model(x), written(x)
        if not expected.isfinite().all():
            raise NotExportableError(
                "the network's outputs for normally distributed inputs are not finite, so there is nothing "
                "to compare with: train it first, or give --weights"
            )
        if given.shape != expected.shape:
            return float("inf")
        pairs.append(torch.stack([(given - expected).abs().max(), expected.abs().max()]))
    difference, scale = torch.stack(pairs).amax(0).tolist()  # NaN if any is
    return float(difference / (scale or 1.0))


def _magnified(model: nn.Module, inputs: tuple[int, ...]) -> float:
    """Three times what rounding does to the network's own outputs, relative to the largest, but no more than
    a hundredth; nothing where it cannot compute in 64 bits.
    """
    exact = copy.deepcopy(model).double()
    try:
        return min(3 * _difference(model, lambda x: exact(x.double()).to(x.dtype), inputs), 0.01)
    except REFUSALS:
        return 0.0


def _record(card: Card) -> str:
    return record_of(preprocessing=card.preprocessing, classes=card.classes, name=card.name)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporters tell of their own work, errors that we tell ourselves included, goes nowhere."""
    before = logging.root.manager.disable
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        # Buffers that are views of one tensor; what is read back is compared.
        warnings.filterwarnings("ignore", "No complete tensor found in the group")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)


def _reason(error: BaseException) -> str:
    """Which line of the network is in the way, why, and what to do."""
    fixed = re.search(rf"{BATCH} = (\d+)$", str(error), re.MULTILINE)
    if fixed:
        return (
            f"its forward pass takes batches of {fixed[1]} only; have it reshape by x.shape[0] or -1, not by "
            "a number"
        )
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.line and not frame.filename.startswith((_TORCH, __file__))
    ]
    where = (
        f" at `{frames[-1].line}` ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    )
    return (
        f"torch.export stops{where}: {_first_line(error)}; say it with operations on tensors (torch.where "
        "instead of if), or keep the weights alone: --format safetensors"
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(". ") or type(error).__name__

"""A network built by a function of the user's own Python file."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pellucid.types.errors import InputError


def build_from_file(path: Path, factory: str, *, inputs: tuple[int, ...], outputs: int) -> nn.Module:
    """What `factory(inputs=…, outputs=…)` of the file returns.

    The file runs with the rights of whoever calls this, like any program. Raises `InputError` that names file
    and line if the file or the function is missing, raises, or gives something else than a module.
    """
    build = function_of_file(path, factory)
    with _blaming(path, f"{factory}(inputs={inputs}, outputs={outputs}) failed"):
        model = build(inputs=inputs, outputs=outputs)
    if not isinstance(model, nn.Module):
        raise InputError(
            f"{path}: {factory} has to return a torch.nn.Module, it returned {type(model).__name__}"
        )
    return model


def function_of_file(path: Path, name: str) -> Callable[..., Any]:
    """The function of that name. Raises `InputError` if there is none, or the file cannot be imported."""
    if not path.is_file():
        raise InputError(f"no such file: {path} (from the name {path}:{name})")
    with _blaming(path, "cannot be imported"):
        module = _import_file(path)
    function = getattr(module, name, None)
    if callable(function):
        found: Callable[..., Any] = function
        return found
    own = [each for each, thing in vars(module).items() if _is_made_in(module, thing)]
    raise InputError(f"{path}: there is no function {name!r} in it, only {', '.join(own) or 'nothing'}")


def _is_made_in(module: ModuleType, thing: object) -> bool:
    return callable(thing) and getattr(thing, "__module__", "") == module.__name__


def _import_file(path: Path) -> ModuleType:
    """The file as a module of its own; it can import the files beside it."""
    name, path = f"pellucid_model_file_{path.stem}", path.resolve()
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextmanager
def _blaming(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the user's file raises into one line that says where in it."""
    try:
        yield
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path.resolve()]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{path}:{line}" if line else str(path)
        said = str(error).partition("\n")[0]
        raise InputError(f"{where}: {what}: {type(error).__name__}: {said}") from error

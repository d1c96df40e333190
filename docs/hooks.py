"""Fills the reference pages from the program itself when the documentation is built: they cannot go stale.

A page asks for a part by a comment on a line of its own: `<!-- help: train lenet5 -->` is what
`pellucid train lenet5 --help` prints, `<!-- models -->` all networks, and so on (`PARTS`).
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

_MARK = re.compile(r"^<!-- (?P<part>[a-z]+)(?:: (?P<words>.+))? -->$", re.MULTILINE)
_WIDTH = "100"

# What each family of networks is counted for: one input's shape and the number of outputs.
_COUNTED_FOR: dict[str, tuple[tuple[int, ...], int]] = {
    "mlp": ((1, 32, 32), 10),
    "lenet": ((1, 32, 32), 10),
    "lenet_1998": ((1, 32, 32), 10),
    "resnet_cifar": ((3, 32, 32), 10),
    "resnet_preact": ((3, 32, 32), 10),
    "densenet_cifar": ((3, 32, 32), 10),
    "inception_v3": ((3, 299, 299), 1000),
    "inception_resnet_v2": ((3, 299, 299), 1000),
    "xception": ((3, 299, 299), 1000),
    **dict.fromkeys(("autoencoder", "autoencoder_conv"), ((1, 28, 28), 32)),
    "vae": ((1, 28, 28), 20),
    **dict.fromkeys(("gan", "ddpm"), ((1, 28, 28), 1)),
    "gan_points": ((2,), 1),
    "dcgan": ((3, 64, 64), 1),
    "unet": ((1, 512, 512), 2),
    "mnet": ((3, 512, 512), 2),
    "enet": ((3, 360, 480), 12),
    "segnet": ((3, 352, 480), 12),
    **dict.fromkeys(("fcn", "deconvnet"), ((3, 224, 224), 21)),
    "deeplab": ((3, 520, 520), 21),
}
_IMAGENET = ((3, 224, 224), 1000)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return _MARK.sub(lambda mark: PARTS[mark["part"]](mark["words"] or ""), markdown)


def _help(words: str) -> str:
    """What a command prints when it is asked for help."""
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", *words.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": _WIDTH, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"},
    )
    return f"```text\n{done.stdout.rstrip()}\n```"


def _recipes(_: str) -> str:
    from pellucid.recipes import RECIPES
    from pellucid.recipes.recipe import Recipe
    from pellucid.recipes.serial import to_dict

    blocks = []
    for name in RECIPES:
        plain, own = _flat(to_dict(Recipe(name))), _flat(to_dict(RECIPES[name]()))
        rows = [(f"`{key}`", f"`{value}`") for key, value in own.items() if plain.get(key) != value]
        rows = [
            ("`model.name`", f"`{own['model.name']}`"),
            *(row for row in rows if row[0] != "`model.name`"),
        ]
        about = inspect.getdoc(RECIPES[name]) or ""
        blocks.append(f"## {name}\n\n{about}\n\n{_table(('sets', 'to'), rows)}")
    return "\n\n".join(blocks)


def _models(_: str) -> str:
    import torch

    from pellucid import models
    from pellucid.inspection.cost import multiply_adds, parameter_count

    blocks = []
    for module, names in _families(models, "VARIANTS"):
        inputs, outputs = _COUNTED_FOR.get(module.__name__.rpartition(".")[2], _IMAGENET)
        rows = []
        for name in names:
            with torch.device("meta"):  # shapes suffice to count
                network = models.MODELS[name](inputs=inputs, outputs=outputs)
            cost = multiply_adds(network, inputs)
            counts = (f"{parameter_count(network):,}", f"{cost:,}" if cost is not None else "–")
            rows.append((f"`{name}`", models.MODELS.summary(name), *counts))
        size = "×".join(str(side) for side in inputs)
        columns = ("name", "what it is", "parameters", "multiply-adds a picture")
        counted = f"Counted for {size} inputs and {outputs:,} outputs."
        blocks.append(f"{_section(module)}\n\n{_table(columns, rows)}\n\n{counted}")
    return "\n\n".join(blocks)


def _metrics(_: str) -> str:
    from pellucid import metrics

    blocks = []
    for module, names in _families(metrics, "METRICS"):
        for name in names:
            kind = metrics.METRICS[name]
            where = f"`{module.__name__}.{kind.__name__}`"
            blocks.append(f"{_section(module, name)}\n\n{where}: {_prose(inspect.getdoc(kind) or '')}")
    return "\n\n".join(blocks)


def _datasets(_: str) -> str:
    from pellucid.data import DATASETS

    return _table(("name", "what it is"), [(f"`{name}`", DATASETS.summary(name)) for name in DATASETS])


def _tasks(_: str) -> str:
    from pellucid.tasks import TASKS

    return _table(("name", "what it asks"), [(f"`{name}`", TASKS.summary(name)) for name in TASKS])


def _methods(_: str) -> str:
    from pellucid.explain import METHODS

    blocks = []
    for name in METHODS:
        method = METHODS[name]
        parameters = inspect.signature(method).parameters.values()
        options = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
        rows = [(f"`{each.name}`", f"`{each.annotation}`", f"`{each.default}`") for each in options]
        table = _table(("option", "is", "by default"), rows).replace(" | None", "").replace("`None`", "–")
        about = _prose(inspect.getdoc(method) or "")
        where = f"`{method.__module__}.{method.__name__}`"
        blocks.append(f"## {name}\n\n{where}: {METHODS.summary(name)}.\n\n{about}\n\n{table}")
    return "\n\n".join(blocks)


PARTS: Mapping[str, Callable[[str], str]] = {
    "help": _help,
    "recipes": _recipes,
    "models": _models,
    "metrics": _metrics,
    "datasets": _datasets,
    "tasks": _tasks,
    "methods": _methods,
}


def _families(package: ModuleType, table: str) -> Iterator[tuple[ModuleType, list[str]]]:
    """The package's modules that have the dict `table`, with the names in it."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        if hasattr(module, table):
            yield module, list(getattr(module, table))


def _section(module: ModuleType, title: str = "") -> str:
    """A module's docstring, its first line as the heading unless there is a `title`."""
    first, _, rest = (inspect.getdoc(module) or "").partition("\n\n")
    if title:
        return f"## {title}\n\n{_prose(first)}\n\n{_prose(rest)}".rstrip()
    return f"## {first.rstrip('.')}\n\n{_prose(rest)}"


def _prose(text: str) -> str:
    """A docstring as Markdown: its lines are prose, not a list, and a star is a star."""
    return text.replace("*", r"\*")


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by the names they have on the command line; those of `training` have no prefix."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}".replace("_", "-")
        if isinstance(value, Mapping):
            flat |= _flat(value, "" if path == "training" else f"{path}.")
        else:
            flat[path] = value
    return flat


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

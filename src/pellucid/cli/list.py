"""`pellucid list`: what there is, without importing any of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from pellucid.data import DATASETS
from pellucid.explain import METHODS
from pellucid.metrics import METRICS
from pellucid.models import MODELS
from pellucid.recipes import RECIPES
from pellucid.studies import STUDIES
from pellucid.tasks import TASKS
from pellucid.types.errors import unknown_name
from pellucid.types.registry import Registry

KINDS: dict[str, Registry[Any]] = {
    "models": MODELS,
    "datasets": DATASETS,
    "recipes": RECIPES,
    "tasks": TASKS,
    "metrics": METRICS,
    "methods": METHODS,
    "studies": STUDIES,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        "pellucid list",
        description="What there is. Example: pellucid list models",
        epilog="Beside these models: torchvision/NAME, timm/NAME, unet/NAME and path/to/file.py:factory.",
    )
    parser.add_argument("kind", nargs="?", help=f"one kind only: {', '.join(KINDS)}")
    parser.add_argument("--json", action="store_true", help="as JSON")
    options = parser.parse_args(arguments)
    if options.kind and options.kind not in KINDS:
        raise unknown_name("kind", options.kind, KINDS)
    kinds = [options.kind] if options.kind else list(KINDS)
    found = {kind: {name: KINDS[kind].summary(name) for name in KINDS[kind]} for kind in kinds}
    print(json.dumps(found, indent=1) if options.json else _table(found))
    return 0


def _table(found: dict[str, dict[str, str]]) -> str:
    width = max(len(name) for names in found.values() for name in names)
    blocks = [
        "\n".join([kind, *(f"  {name:<{width}}  {summary}" for name, summary in names.items())])
        for kind, names in found.items()
    ]
    return "\n\n".join(blocks)

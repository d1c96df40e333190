"""`pellucid study`: a question answered by running networks side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.tables import contents_table
from pellucid.runs.atomic import write_file
from pellucid.runs.log import json_text
from pellucid.studies import STUDIES
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError

ABOUT = """Answer one question by running networks side by side; `pellucid list studies` names the questions.

Example: pellucid study initialisation --activation relu tanh --out weights.html
"""


@dataclass(frozen=True)
class Call:
    study: Annotated[Study, tyro.conf.arg(name="")]
    out: Path | None = None
    """Write what was found into this file: a page (.html), the picture (.png) or all numbers (.json)."""
    json: bool = False
    """Print all numbers as JSON instead of the table."""


def main(arguments: Sequence[str]) -> int:
    call = read_call(arguments)
    if call.out is not None and call.out.suffix not in (".html", ".png", ".json"):
        raise InputError(f"--out writes a .html, .png or .json file; got {call.out}")
    found = call.study.run()
    if call.json:
        print(json_text(found.numbers, indent=1))
    else:
        console = Console(soft_wrap=True, highlight=False)
        if not console.is_terminal:
            console = Console(soft_wrap=True, highlight=False, width=240)  # a file has room
        console.print(contents_table(found.table, title=found.words))
        console.print(found.table.caption)
    if call.out is not None:
        _write(found, call.out)
    return 0


def read_call(arguments: Sequence[str]) -> Call:
    """The first word is the study; its settings are then the options."""
    if arguments and arguments[0] in ("-h", "--help"):
        print("\n".join(_help()))
        raise SystemExit(0)
    if not arguments or arguments[0].startswith("-"):
        raise InputError(f"name a study first: {', '.join(STUDIES)} (`pellucid study --help`)")
    name, *rest = arguments
    return parse(Call, rest, command=f"study {name}", about=ABOUT, default=Call(STUDIES[name]()))


def _help() -> Iterator[str]:
    yield from ("usage: pellucid study NAME [OPTIONS]", "", ABOUT)
    width = max(map(len, STUDIES))
    yield from (f"  {name:<{width}}  {STUDIES.summary(name)}" for name in STUDIES)
    yield from ("", "`pellucid study NAME --help` shows the options of one.")


def _write(found: Findings, path: Path) -> None:
    match path.suffix:
        case ".html":
            write_file(path, found.page().to_html())
        case ".png":
            write_file(path, found.figure._repr_png_())
        case ".json":
            write_file(path, json_text(found.numbers, indent=1))
    print(f"study: {path}", file=sys.stderr)

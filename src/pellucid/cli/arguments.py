"""Arguments from dataclasses, by tyro, with mistakes told in one line."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import tyro

from pellucid.types.errors import InputError

T = TypeVar("T")

_WORDS = (
    (r"^Error parsing ", ""),
    (r"^recipe(?:\.training)?\.?([\w.-]*): ", r"\1 "),
    (r"invalid literal for int\(\) with base 10: (.*)", r"expected a whole number, got \1"),
    (r"could not convert string to float: (.*)", r"expected a number, got \1"),
)


def parse(
    kind: type[T], arguments: Sequence[str], *, command: str, about: str, default: T | None = None
) -> T:
    """Read `arguments` as the dataclass `kind`, whose fields' docstrings are the help. Raises `InputError`
    for a mistake.

    `about` is the help's first paragraph, with an example.
    """
    said = io.StringIO()
    extra: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(said):
            return cast(
                T,
                tyro.cli(kind, prog=f"pellucid {command}", description=about, args=list(arguments), **extra),
            )
    except SystemExit as exit:
        if exit.code in (0, None):
            raise
        raise InputError(f"{_first_sentence(said.getvalue())} (`pellucid {command} --help`)") from None


def _first_sentence(box: str) -> str:
    """What tyro's box of a mistake says, without the frame and the help that follows."""
    told: list[str] = []
    suggestion = ""
    lines = [line.strip(" │|") for line in box.splitlines()][1:]  # the first line is the title
    while lines and _is_rule(lines[0]):
        lines.pop(0)
    for number, line in enumerate(lines):
        if _is_rule(line):
            if number + 2 < len(lines) and lines[number + 1].startswith("Perhaps you meant"):
                suggestion = f"; perhaps you meant {lines[number + 2]}"
            break
        told.append(line)
    return in_words(" ".join(told)) + suggestion


def _is_rule(line: str) -> bool:
    """Whether a line only separates, or is the frame's lower edge; drawn plainly where a terminal lacks the
    signs.
    """
    return not line.strip("─-╰╯+")


def input_shape(text: str) -> tuple[int, ...]:
    """What --input says, as 3x224x224. Raises `InputError` for anything else."""
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text.lower()):
        raise InputError(f"--input is sizes joined by x, 3x224x224 say; got {text!r}")
    return tuple(int(part) for part in text.lower().split("x"))


def in_words(mistake: str) -> str:
    """tyro's sentence as a user would say it: the option by its name, a type by what it holds."""
    for pattern, words in _WORDS:
        mistake = re.sub(pattern, words, mistake)
    return mistake

"""`metrics.jsonl`: one JSON object a line, only ever appended to.

A kill can tear the last line, and a resumed run writes some steps again: reading drops a torn line, and for
the same kind and step the later line counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Log:
    """`append` writes through to the file at once; `read` gives what counts, in the order of steps."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        line = json_text({"kind": kind, "step": step, **values})
        with open(self.path, "ab+") as file:
            torn = file.tell() > 0 and (file.seek(-1, 2), file.read(1))[1] != b"\n"
            file.write(("\n" if torn else "").encode() + line.encode() + b"\n")

    def read(self, kind: str) -> list[dict[str, Any]]:
        """The lines of that kind by step. NaN and infinity are kept as the words "nan", "inf" and "-inf", and
        come back as numbers.
        """
        by_step = {line["step"]: line for line in self._lines() if line.get("kind") == kind}
        return [_numbers(by_step[step]) for step in sorted(by_step)]

    def notes(self) -> list[str]:
        """What users were told, each once, in the order of the first telling."""
        told = (line.get("message") for line in self._lines() if line.get("kind") == "note")
        return list(dict.fromkeys(message for message in told if isinstance(message, str)))

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                value = json.loads(line)
            except json.JSONDecodeError:
                continue  # torn by a kill
            if isinstance(value, dict) and isinstance(value.get("step"), int):
                yield value


def json_text(value: Any, indent: int | None = None) -> str:
    """Strict JSON: NaN and infinity, which it lacks, are the words "nan", "inf" and "-inf"."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    return float(value) if value in ("nan", "inf", "-inf") else value

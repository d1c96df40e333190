"""A figure as a file, in the format that its name says."""

from __future__ import annotations

from pathlib import Path

from pellucid.runs.atomic import write_file
from pellucid.runs.log import json_text
from pellucid.types.errors import InputError
from pellucid.views.figure import Figure


def check_out(path: Path) -> None:
    """Raise `InputError` unless `write_figure` knows the format."""
    if path.suffix not in (".png", ".html", ".json"):
        raise InputError(f"--out writes a .png, .html or .json file; got {path}")


def write_figure(figure: Figure, path: Path) -> None:
    """A picture (.png), a page (.html) or the figure's data (.json); a file that is there is replaced."""
    match path.suffix:
        case ".html":
            write_file(path, figure.to_html())
        case ".png":
            write_file(path, figure._repr_png_())
        case ".json":
            write_file(path, json_text(figure.to_dict()))

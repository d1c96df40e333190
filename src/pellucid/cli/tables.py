"""Numbers as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pellucid.views.axes import number
from pellucid.views.contents import Cell
from pellucid.views.contents import Table as Contents


def metrics_table(metrics: Mapping[str, float], *, title: str) -> Table:
    """One metric a row."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_header=False)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    return table


def comparison_table(columns: Mapping[str, Mapping[str, float]], *, title: str) -> Table:
    """One metric a row, one run a column; a metric that a run lacks is a dash."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for metric in dict.fromkeys(name for values in columns.values() for name in values):
        row = [f"{values[metric]:.4f}" if metric in values else "–" for values in columns.values()]
        table.add_row(metric, *row)
    return table


def contents_table(contents: Contents, *, title: str) -> Table:
    """A page's table in the terminal: numbers right, None as a dash."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.pad_edge, table.collapse_padding = False, True
    for index, name in enumerate(contents.columns):
        numbers = any(isinstance(row[index], (int, float)) for row in contents.rows)
        table.add_column(name, justify="right" if numbers else "left", no_wrap=True)
    for row in contents.rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _cell(cell: Cell) -> str:
    return "–" if cell is None else cell if isinstance(cell, str) else number(cell, 2)

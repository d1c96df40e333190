"""Numbers as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table


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

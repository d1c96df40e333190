"""What stands in a page beside figures: tables, key numbers, code, and figures at several steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from pellucid.views.axes import number
from pellucid.views.figure import Figure
from pellucid.views.html import fragment

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """`rows` hold one cell per column; None is shown as a dash.

    The columns in `bars` hold numbers in [0, 1] and get a bar; in the columns of `best` the greatest ("max")
    or least ("min") number is emphasised. Columns of numbers are aligned right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    bars: tuple[str, ...] = ()
    best: Mapping[str, Literal["max", "min"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"expected a row of {len(self.columns)} cells; got {len(row)}: {row}")
        for name in (*self.bars, *self.best):
            if name not in self.columns:
                raise ValueError(f"the table has no column {name!r}; it has {', '.join(self.columns)}")


@dataclass(frozen=True)
class KeyNumber:
    """`value` as it is to be read ("97.8 %"), what it is, and a line of context."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class KeyNumbers:
    """The few numbers a reader looks for first."""

    numbers: tuple[KeyNumber, ...]


@dataclass(frozen=True)
class Code:
    """Text to be copied: a command, a program, a configuration."""

    text: str
    caption: str = ""


@dataclass(frozen=True)
class Steps:
    """A figure for each recorded step, of which one is seen at a time; the page's slider chooses.

    `labels` say more of a step than its number ("epoch 3"). A page shows of each `Steps` the last figure not
    after the chosen step.
    """

    frames: Mapping[int, Figure]
    labels: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("expected figures for at least one step; got none")


Content = Figure | Table | KeyNumbers | Code | Steps


def to_html(content: Content) -> str:
    """One content as a part of a page."""
    return DRAW[type(content)](content)


def _table(table: Table) -> str:
    numeric = [
        all(isinstance(row[index], (int, float, type(None))) for row in table.rows)
        for index in range(len(table.columns))
    ]
    best = {table.columns.index(name): _best(table, name) for name in table.best}
    head = "".join(
        f'<th scope="col"{_right(numeric[index])}>{escape(name)}</th>'
        for index, name in enumerate(table.columns)
    )
    body = "".join(
        "<tr>"
        + "".join(
            _cell(
                cell,
                numeric[index],
                table.columns[index] in table.bars,
                cell is not None and best.get(index) == cell,
            )
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    caption = f"<figcaption>{escape(table.caption)}</figcaption>" if table.caption else ""
    table_html = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<figure><div class="table" tabindex="0">{table_html}</div>{caption}</figure>'


def _best(table: Table, name: str) -> Cell:
    cells = [row[table.columns.index(name)] for row in table.rows]
    numbers = [cell for cell in cells if isinstance(cell, (int, float)) and cell == cell]
    choose = max if table.best[name] == "max" else min
    return choose(numbers) if len(numbers) > 1 else None


def _right(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _cell(cell: Cell, numeric: bool, bar: bool, best: bool) -> str:
    if bar and isinstance(cell, (int, float)) and cell == cell:
        width = f"{100 * min(max(cell, 0), 1):.1f}"
        return f'<td class="number bar"><i style="--share:{width}%"></i>{cell:.3f}</td>'
    if isinstance(cell, float):
        words = f"{cell:.4f}".replace("-", "−") if 0 < abs(cell) <= 1 else number(cell)
    elif isinstance(cell, int):
        words = f"{cell:,}".replace("-", "−")
    else:
        words = escape("–" if cell is None else cell)
    return f"<td{_right(numeric)}>{f'<b>{words}</b>' if best else words}</td>"


def _key_numbers(content: KeyNumbers) -> str:
    cards = "".join(
        f"<div><dd>{escape(each.value)}</dd><dt>{escape(each.label)}</dt>"
        + (f"<dd class='note'>{escape(each.note)}</dd>" if each.note else "")
        + "</div>"
        for each in content.numbers
    )
    return f'<dl class="numbers">{cards}</dl>'


def _code(content: Code) -> str:
    caption = f"<figcaption>{escape(content.caption)}</figcaption>" if content.caption else ""
    return (
        f'<figure class="code"><button type="button" class="copy">Copy</button>'
        f'<pre tabindex="0"><code>{escape(content.text)}</code></pre>{caption}</figure>'
    )


def _steps(content: Steps) -> str:
    """All figures are in the page; the last is seen where there is no script, and the only one where there is
    one.
    """
    last = max(content.frames)
    frames = ""
    for step in sorted(content.frames):
        about = f'data-step="{step}" data-label="{escape(content.labels.get(step, ""))}"'
        frames += f"<div {about}{'' if step == last else ' hidden'}>{fragment(content.frames[step])}</div>"
    return f'<div class="steps"><p class="when" aria-hidden="true">step {last}</p>{frames}</div>'


DRAW: dict[type, Callable[[Any], str]] = {
    Figure: fragment,
    Table: _table,
    KeyNumbers: _key_numbers,
    Code: _code,
    Steps: _steps,
}

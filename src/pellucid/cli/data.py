"""`pellucid data check PATH`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pellucid.views.axes import percent
from pellucid.views.words import counted

if TYPE_CHECKING:
    from pellucid.data.check import Report

SHOWN = 8  # classes, sizes or examples of a kind; `--json` has all
SIMPLE = 0.05  # of samples with look-alikes, above which it is the pictures that are simple


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 where the set is sound, 1 where something is broken."""
    parser = argparse.ArgumentParser("pellucid data", description="Look at a data set before training on it.")
    commands = parser.add_subparsers(metavar="check", required=True)
    command = commands.add_parser(
        "check",
        help="find what is wrong with a data set",
        description="Class balance, sizes, unreadable files, duplicates, pictures in several splits. "
        "The exit status is 1 if training would refuse the set or leave samples out, or tests on what it "
        "trained on. "
        "Example: pellucid data check photos/",
    )
    command.add_argument(
        "path",
        type=Path,
        help="a folder of classes, or of pictures and label maps; a .csv, a .npz, a folder of IDX files",
    )
    command.add_argument("--target", default="", help="a table's column to predict")
    command.add_argument("--json", action="store_true", help="everything, as JSON")
    options = parser.parse_args(arguments)

    from pellucid.data.check import check

    report = check(options.path, options.target)
    if options.json:
        print(json.dumps({**asdict(report), "broken": report.broken}, indent=1, ensure_ascii=False))
    else:
        _print(report, Console(highlight=False))
    return 1 if report.broken else 0


def _print(report: Report, console: Console) -> None:
    samples = ", ".join(f"{count:,} {split}" for split, count in report.samples.items())
    console.print(
        f"[bold]{escape(report.path)}[/]: {report.kind}, {samples or 'unusable as it is'}", soft_wrap=True
    )
    if any(report.counts.values()):
        console.print(_balance(report))
    for split, pixels in report.pixels.items():
        unjudged, total = pixels.get("", 0), sum(pixels.values())
        if unjudged:
            console.print(f"not judged: {percent(unjudged / total)} of the pixels of {split}")
    for title, counts in (("sizes", report.sizes), ("modes", report.modes)):
        if counts:
            console.print(f"{title}: {_histogram(counts)}", soft_wrap=True)
    for mark, text, examples in _findings(report):
        console.print(f"{mark} {escape(text)}", soft_wrap=True)
        for example in examples[:SHOWN]:
            console.print(f"    {escape(example)}", soft_wrap=True)
        if len(examples) > SHOWN:
            console.print(f"    … and {len(examples) - SHOWN:,} more (--json has all)")
    console.print("[bold red]broken[/]" if report.broken else "[bold green]nothing is broken[/]")


def _balance(report: Report) -> Table:
    """One class a row: the largest and the smallest classes of the first split where there are many. Of label
    maps, the pictures that show it, and its share of the judged pixels.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    for split in report.counts:
        table.add_column(split, justify="right")
    first = next(iter(report.counts.values()))
    shown = list(first)
    if len(shown) > 2 * SHOWN:
        by_size = sorted(shown, key=lambda name: -first[name])
        shown = [*by_size[:SHOWN], "…", *by_size[-SHOWN:]]
    for name in shown:
        table.add_row(
            escape(name), *("" if name == "…" else _cell(report, split, name) for split in report.counts)
        )
    return table


def _cell(report: Report, split: str, name: str) -> str:
    count = f"{report.counts[split][name]:,}"
    pixels = report.pixels.get(split)
    if not pixels:
        return count
    judged = sum(pixels.values()) - pixels[""]
    return f"{count} · {percent(pixels[name] / max(1, judged))}"


def _histogram(counts: Mapping[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:SHOWN]]
    rest = list(counts.values())[SHOWN:]
    others = f", {len(rest)} other{'' if len(rest) == 1 else 's'} ({sum(rest):,})" if rest else ""
    return ", ".join(shown) + others


def _findings(report: Report) -> Iterator[tuple[str, str, list[str]]]:
    """(mark, sentence, examples) of everything found, what is broken first."""
    noun = "picture" if report.modes else "row"
    bad, note, good = "[red]✗[/]", "[yellow]![/]", "[green]✓[/]"
    for fault in report.faults:
        yield bad, fault, []
    if report.unreadable:
        reasons = [f"{left.path}: {left.reason}" for left in report.unreadable]
        yield (
            bad,
            f"{counted(len(report.unreadable), 'sample')} cannot be used; training leaves them out",
            reasons,
        )
    if report.leaks:
        yield bad, f"{counted(len(report.leaks), noun)} in more than one split", _joined(report.leaks)
    if report.conflicts:
        yield (
            note,
            f"{counted(len(report.conflicts), noun)} under different labels",
            _joined(
                [
                    [f"{name} ({label or 'no label'})" for name, label in zip(*pair, strict=True)]
                    for pair in zip(report.conflicts, report.conflict_labels, strict=True)
                ]
            ),
        )
    elsewhere = {*report.leaks, *report.conflicts}
    copies = [group for group in report.duplicates if group not in elsewhere]
    if copies:
        yield note, f"{counted(len(copies), noun)} more than once in the same split", _joined(copies)
    if report.near:
        first = set(report.near_leaks)
        pairs = [*report.near_leaks, *(pair for pair in report.near if pair not in first)]
        yield note, _look_alikes(report), [" ~ ".join(pair) for pair in pairs]
    missing = _without_samples(report)
    if missing:
        yield note, "no sample of a class", missing
    if report.multilabel:
        yield note, "several labels a picture; train with --task.loss binary-cross-entropy", []
    if not report.unreadable and not report.faults:
        yield good, f"every {noun} can be used", []
    if not report.duplicates and not report.faults:
        yield good, "no duplicates", []


def _look_alikes(report: Report) -> str:
    alike = len({name for pair in report.near for name in pair})
    text = f"{alike:,} pictures look like another one"
    if report.near_leaks:
        across = len({name for pair in report.near_leaks for name in pair})
        text += f", {across:,} of them like one in another split"
    if alike > SIMPLE * sum(report.samples.values()):
        text += "; that many may only mean that the pictures are simple"
    return text


def _without_samples(report: Report) -> list[str]:
    return [
        f"{name} in {split}"
        for split, counts in report.counts.items()
        for name, count in counts.items()
        if not count
    ]


def _joined(groups: Sequence[Sequence[str]]) -> list[str]:
    return [
        " = ".join(group[:4]) + (f" = … ({len(group):,} in all)" if len(group) > 4 else "")
        for group in groups
    ]

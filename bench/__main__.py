"""python -m bench [NAMES…] [--json FILE] [--quick] [--threads N]

Runs the benches and prints a table for each work; what it measured goes to bench/results/NAME.json as well.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bench.measure import Options, Summary, Work, interleave, summarise

BENCHES = (
    "startup",
    "inspection",
    "arithmetic",
    "explain",
    "explain_gradients",
    "shapes_throughput",
    "augmentation",
    "data_loading",
    "training",
    "recorder",
    "segmentation",
    "capture",
    "style",
)
ON_REQUEST = ("precision", "precision_rule", "studio")  # they take long, or need data
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench", description="Speed against peers, by turns.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(BENCHES)} (all of these by default); {', '.join(ON_REQUEST)}",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything measured into one file, too"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds: shows that it works, measures badly"
    )
    parser.add_argument("--threads", type=int, default=1, help="processor threads of each contestant")
    parser.add_argument("--data", type=Path, help="precision, data_loading: a folder of pictures")
    parser.add_argument("--epochs", type=int, default=4, help="precision: how long to train")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in (*BENCHES, *ON_REQUEST):
            parser.error(f"no bench {name!r}; there are {', '.join((*BENCHES, *ON_REQUEST))}")
    options = Options(arguments.quick, arguments.threads, arguments.data, arguments.epochs)
    torch.set_num_threads(options.threads)
    console, everything = Console(), {}
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.names or BENCHES:
        measured = {"machine": machine(options), "works": list(run(name, options, console))}
        (RESULTS / f"{name}.json").write_text(json.dumps(measured, indent=1))
        everything[name] = measured
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1))


def run(name: str, options: Options, console: Console) -> Iterator[dict[str, Any]]:
    """Measure and print the works of a bench one after the other; what was measured, ready for JSON."""
    works: Iterator[Work] = importlib.import_module(f"bench.{name}").works(options)
    for work in works:
        turns = interleave(work)
        summaries, findings = summarise(turns, work.amount), work.findings(turns)
        console.print(table(work, summaries))
        for rival, reason in work.skipped.items():
            console.print(f"  skipped: {rival} ({reason})")
        for what, value in findings.items():
            console.print(f"  {what}: {value:.3g}" if isinstance(value, float) else f"  {what}: {value}")
        yield {
            "title": work.title,
            "unit": work.unit,
            "amount": work.amount,
            "contestants": {contestant: asdict(summary) for contestant, summary in summaries.items()},
            "skipped": dict(work.skipped),
            "findings": dict(findings),
            "turns": {contestant: [asdict(turn) for turn in spent] for contestant, spent in turns.items()},
        }


def table(work: Work, summaries: Mapping[str, Summary]) -> Table:
    shown = Table("", title=work.title, title_justify="left", title_style="bold")
    columns = (f"{work.unit}/CPU-s", f"{work.unit}/s", "× the first", "least–greatest", "first turn, CPU-s")
    for column in columns:
        shown.add_column(column, justify="right")
    for name, it in summaries.items():
        shown.add_row(
            name,
            f"{it.per_cpu_second:,.4g}",
            f"{it.per_second:,.4g}",
            f"{it.ratio:.2f}",
            f"{it.least:.2f}–{it.greatest:.2f}",
            f"{it.first.cpu:.2f}",
        )
    return shown


def machine(options: Options) -> dict[str, Any]:
    """Where the numbers come from."""
    names = [line for line in _cpu_lines() if line.startswith("model name")]
    return {
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "platform": platform.platform(),
        "torch": str(torch.__version__),
        "threads": options.threads,
        "quick": options.quick,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()

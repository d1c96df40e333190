"""How training looks in a terminal: a line for each evaluation, and beneath it where training stands."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pellucid.training.events import Diverged, Evaluated, Event, Finished, Noted, Started, Stepped

_SHOWN_NOTES = 5


def follow(events: Iterable[Event], console: Console, title: str) -> Event | None:
    """Print events as they come, under `title`, and return the last one."""
    bar = Progress(
        TextColumn("  {task.description}"),
        BarColumn(24),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    shown: AbstractContextManager[object] = bar if console.is_terminal else nullcontext()
    last: Event | None = None
    task: TaskID | None = None
    loss, notes, finished = "", 0, False
    with shown:
        for last in events:
            finished = finished or isinstance(last, Finished)
            match last:
                case Started():
                    console.print(title)
                    part = f"trains {last.trained:,} of " if last.trained < last.parameters else ""
                    weights = f"{part}{last.parameters:,} weights"
                    console.print(f"  {weights} · {last.total_steps:,} steps · {last.execution}")
                    if last.step:
                        console.print(f"  going on from step {last.step:,}")
                    task = bar.add_task("", total=last.total_steps, completed=last.step)
                case Noted():
                    notes += 1
                    if notes <= _SHOWN_NOTES:
                        console.print(
                            f"  note: {last.message}", style="yellow", highlight=False, markup=False
                        )
                case Stepped() if task is not None:
                    loss = " ".join(f"{name} {value:.3f}" for name, value in last.losses.items())
                    bar.update(
                        task,
                        completed=last.step,
                        description=f"epoch {last.epoch:.1f} · {loss} · {last.rate:,.0f}/s",
                    )
                case Evaluated() if not finished:
                    console.print(_line(last, loss), highlight=False)
                case Diverged():
                    console.print(
                        f"  stopped before step {last.step:,}: {last.description}", style="red", markup=False
                    )
                case Finished() if last.reason == "early-stopping":
                    console.print(f"  no improvement since step {last.best_step or 0:,}: stopped early")
                case _:
                    pass
    return last


def _line(event: Evaluated, loss: str) -> str:
    shown = f"{event.primary} {event.metrics[event.primary]:.4f}"
    star = " [green]best[/green]" if event.best else ""
    return f"  epoch {event.epoch:>5.1f} · {loss} · {event.split} {shown}{star}"

"""Progress bars with the time left, and the text form of durations."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def bar(unit: str = "") -> Progress:
    """Returns a `rich` progress bar with count, elapsed time and an estimate of the time left.

    It is drawn only on a terminal, in place, so that logs stay clean.
    """
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        TextColumn("left,"),
        TimeElapsedColumn(),
        TextColumn("gone"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def duration(seconds: float) -> str:
    """Returns a duration as text, such as `12s`, `3m 07s`, `2h 05m` or `9d 04h`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02d}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02d}h"

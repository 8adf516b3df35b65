"""Prints results as a table and appends them to files."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from metrics.evaluate import Measurable, resolution_of
from metrics.metric import Metric
from metrics.results import Plan, Result, messages
from pgan_tf.progress import duration
from pgan_tf.run import metric_name

_NAME, _TIME, _VALUE = 28, 12, 12  # smallest widths of the columns


class Table:
    """Prints a table as the official program does: a row per set of images, a column per value.

    Args:
      metrics: the metrics to print.
      stream: one of the streams; its resolution determines the columns.
    """

    def __init__(self, metrics: Sequence[Metric], stream: Measurable):
        self._columns = [
            (metric.name, column) for metric in metrics for column in _columns(metric, stream)
        ]
        self._header_is_due = True
        self._printed: set[str] = set()

    def announce(self, plans: Sequence[Plan]) -> None:
        """Prints the errors and notes of plans, before any work."""
        self._print_messages(plans, "")

    def row(self, name: str, results: Sequence[Result]) -> None:
        """Prints a row, and below it its errors and notes that were not printed before."""
        if self._header_is_due:  # only now, so that errors before it stand alone
            self._header_is_due = False
            self._print("", "time", [column for _, column in self._columns])
        values = {r.metric.name: r.values for r in results}
        cells = [values.get(metric, {}).get(column) for metric, column in self._columns]
        seconds = max((r.seconds for r in results), default=0)
        self._print(name, duration(seconds), ["-" if c is None else f"{c:.4f}" for c in cells])
        self._print_messages(results, "  ")

    def _print_messages(self, results: Sequence[Plan | Result], margin: str) -> None:
        for message in messages(results):
            if message not in self._printed:
                self._printed.add(message)
                print(margin + message, flush=True)

    def _print(self, name: str, time: str, cells: Sequence[str]) -> None:
        widths = [max(_VALUE, len(column) + 2) for _, column in self._columns]
        padded = "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{name:<{_NAME}}{time:<{_TIME}}{padded}".rstrip(), flush=True)


def _columns(metric: Metric, stream: Measurable) -> list[str]:
    """Returns the names of a metric's values; none if it can't measure the stream."""
    try:
        return metric.columns(resolution_of(stream) or 0)
    except ValueError:
        return []


def append_results(directory: str | os.PathLike, results: Sequence[Result], about: dict) -> None:
    """Appends one line per result that has values to `metric-<name>.jsonl`.

    Each line is written in one piece, so a failure can't damage earlier lines.

    Args:
      directory: where the files are, such as the run's directory.
      about: further keys of each line: snapshot, kimg, seed, data set and so on.
    """
    for result in results:
        if not result.values:
            continue
        record = {
            "metric": result.metric.name,
            "value": result.value,
            "values": result.values,
            "num_images": result.num_images,
            **({} if result.num_reals is None else {"num_reals": result.num_reals}),
            **about,
            **result.weights,
            **({"notes": list(result.notes)} if result.notes else {}),
            "seconds": round(result.seconds, 3),
        }
        append_line(Path(directory) / metric_name(result.metric.name), json.dumps(record))


def append_line(path: Path, line: str) -> None:
    """Appends a line; first ends the last line if an earlier write was cut short."""
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else "\n" + line
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())

"""Which of a run's snapshots is best by a chosen value: `best-snapshot.json` in the run."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from metrics.registry import higher_is_better
from pgan_tf.files import write_text
from pgan_tf.run import BEST


class BestSnapshot:
    """Keeps the mark, over interruptions too.

    Args:
      directory: of the run.
      column: name of the value, such as SWDx1e3_avg.
    Raises: UserError when no metric has such a value.
    """

    def __init__(self, directory: Path, column: str):
        self._path, self._column = directory / BEST, column
        self._sign = 1 if higher_is_better(column) else -1

    @property
    def snapshot(self) -> Path | None:
        """The marked snapshot, if it is there."""
        name = self._read().get("snapshot")
        path = self._path.parent / name if name else None
        return path if path is not None and path.is_file() else None

    def is_beaten(self, values: Mapping[str, float]) -> bool:
        """Returns whether these values, if the column is among them, are better than the mark's."""
        if self._column not in values:
            return False
        if self.snapshot is None:
            return True
        return self._sign * values[self._column] > self._sign * self._read()["value"]

    def mark(self, values: Mapping[str, float], snapshot: Path) -> None:
        """Marks a snapshot of the run."""
        record = {
            "snapshot": snapshot.name,
            "column": self._column,
            "value": values[self._column],
        }
        write_text(self._path, json.dumps(record) + "\n")

    def _read(self) -> dict:
        """Returns the mark; nothing where there is none for this column."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            whole = (
                record["column"] == self._column
                and np.isfinite(record["value"])
                and isinstance(record["snapshot"], str)
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {}
        return record if whole else {}

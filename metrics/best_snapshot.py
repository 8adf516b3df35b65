"""Records a run's best snapshot by a chosen value, in the run's `best-snapshot.json`."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from metrics.registry import higher_is_better
from pgan_tf.files import write_text
from pgan_tf.run import BEST


class BestSnapshot:
    """The record of the best snapshot, kept in a file so that it survives interruptions.

    Args:
      directory: the run's directory.
      column: name of the value to compare, such as SWDx1e3_avg.
    Raises: UserError when no metric has such a value.
    """

    def __init__(self, directory: Path, column: str):
        self._path, self._column = directory / BEST, column
        self._sign = 1 if higher_is_better(column) else -1

    @property
    def snapshot(self) -> Path | None:
        """The recorded snapshot; None if there is none or its file is gone."""
        name = self._read().get("snapshot")
        path = self._path.parent / name if name else None
        return path if path is not None and path.is_file() else None

    def is_beaten(self, values: Mapping[str, float]) -> bool:
        """Returns True if the column's value in `values` is better than the recorded one.

        Also True without a recorded snapshot; False if the column is not in `values`.
        """
        if self._column not in values:
            return False
        if self.snapshot is None:
            return True
        return self._sign * values[self._column] > self._sign * self._read()["value"]

    def mark(self, values: Mapping[str, float], snapshot: Path) -> None:
        """Records a snapshot of the run as the best, with its value."""
        record = {
            "snapshot": snapshot.name,
            "column": self._column,
            "value": values[self._column],
        }
        write_text(self._path, json.dumps(record) + "\n")

    def _read(self) -> dict:
        """Returns the record; {} if there is no readable one for this column."""
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

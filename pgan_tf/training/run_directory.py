"""What a run leaves on the disk: `results/NNN-<description>/`."""

import contextlib
import fcntl
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.files import PARTIAL_SUFFIX, write_text
from pgan_tf.snapshot import (
    file_name,
    is_finite,
    load_arrays,
    saving_arrays,
    snapshots_of,
)

_STATE = re.compile(r"training-state-(\d{12})\.npz")
_STATE_FORMAT = "pgan_tf training state 2"
_STATES_KEPT = 2  # the second in case the first, or the snapshot it goes with, gets damaged

_META = {
    "nimg": int, "phase_nimg": int, "lod": float, "dataset": str, "tick": int, "tick_nimg": int,
    "tick_time": float, "time": float, "snapshot": str,
}  # fmt: skip
"""Counters of a training state, and the name of the snapshot that it goes with."""

# Options that may change between the parts of one run: they don't change what is computed.
_FREE = (
    "train.total_kimg", "train.image_snapshot_ticks", "train.network_snapshot_ticks",
    "train.keep_snapshots", "train.metrics", "train.metric_ticks", "train.metric_images",
    "train.best_metric", "train.inception",
    "data.verify", "data.command",
)  # fmt: skip


class RunDirectory:
    """One run's directory: options, logs, snapshots, the state to continue from."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    @classmethod
    def find(cls, results: str | os.PathLike, config: Config) -> "RunDirectory | None":
        """Returns the newest run of the same options, or None.

        `train.total_kimg` and how often things are saved may differ: a run can be made longer.

        Raises: UserError when a run of this name has saves, but no readable options.
        """
        wanted = _comparable(config)
        for number, path in sorted(_runs(Path(results)), reverse=True):
            try:
                saved = config_module.from_json((path / "config.json").read_text())
            except (OSError, ValueError, AttributeError, UserError):
                if path.name == f"{number:03d}-{config.name}" and snapshots_of(path):
                    raise UserError(
                        f"{path / 'config.json'}, the options of a run that may be the one to"
                        " continue, can't be read; restore it, or start a new run with --new"
                    ) from None
                continue
            if _comparable(saved) == wanted:
                return cls(path)
        return None

    @classmethod
    def create(cls, results: str | os.PathLike, config: Config) -> "RunDirectory":
        """Makes `results/NNN-<name>`, NNN being the next free number."""
        results = Path(results)
        results.mkdir(parents=True, exist_ok=True)
        while True:
            number = max((n for n, _ in _runs(results)), default=-1) + 1
            path = results / f"{number:03d}-{config.name}"
            with contextlib.suppress(FileExistsError):  # another process was quicker
                path.mkdir()
                break
        run = cls(path)
        try:
            run.save_config(config)
        except BaseException:
            run.discard()
            raise
        return run

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in the directory meanwhile.

        Also removes what a killed process left half-written.

        Raises: UserError when another process is training in it.
        """
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"{self.path} is being trained in by another process; wait for it, or start"
                    " another run"
                ) from None
            for partial in self.path.glob(f".*{PARTIAL_SUFFIX}"):
                partial.unlink()
            yield

    def discard(self) -> None:
        """Removes the directory of a run that could not begin, if nothing was written yet."""
        for name in ("config.json", ".lock"):
            (self.path / name).unlink(missing_ok=True)
        for events in self.path.glob("events.out.tfevents.*"):
            events.unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def save_config(self, config: Config) -> None:
        """Writes the resolved options."""
        write_text(self.path / "config.json", config_module.to_json(config) + "\n")

    def append(self, name: str, line: str) -> None:
        """Appends a line to a text file."""
        with open(self.path / name, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def rewind(self, nimg: int) -> None:
        """Drops lines written by the training after the moment the run continues from.

        They are in `stats.jsonl` and `metric-<name>.jsonl`; of the latter, lines that are not the
        training's stay.
        """
        for path in [self.path / "stats.jsonl", *self.path.glob("metric-*.jsonl")]:
            if not path.exists():
                continue
            kept = []
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    record = json.loads(line)
                    other = "snapshot" in record and "training" not in record
                    if other or "kimg" not in record or record["kimg"] <= nimg / 1000:
                        kept.append(line)
                except (ValueError, TypeError):
                    continue  # cut short by a crash
            write_text(path, "".join(line + "\n" for line in kept))

    @contextlib.contextmanager
    def saving_state(self, variables: dict[str, tf.Variable], meta: dict) -> Iterator[None]:
        """Writes the optimizers' state and the counters that belong to the newest snapshot.

        The snapshot is to be saved inside of the block. The state gets its name after it, when
        all is on the disk; then all states but it and the newest before it are removed.

        Args:
          variables: name -> variable.
          meta: what `_META` lists.
        """
        path = self.path / f"training-state-{meta['nimg']:012d}.npz"
        arrays = {k: v.numpy() for k, v in variables.items()}
        with saving_arrays(path, arrays, {"format": _STATE_FORMAT, **meta}):
            yield
        others = [other for other in self.states() if other != path]
        for old in others[_STATES_KEPT - 1 :]:
            old.unlink()

    def load_state(self, path: Path) -> tuple[dict[str, np.ndarray], dict]:
        """Returns what `saving_state` was given, as arrays.

        Raises: DamagedError; UserError when it is of another version or can't be read.
        """
        arrays, meta = load_arrays(path, _STATE_FORMAT)
        whole = all(isinstance(meta.get(name), kind) for name, kind in _META.items())
        numbers = [meta[name] for name, kind in _META.items() if kind is not str] if whole else []
        if not whole or not all(0 <= number < math.inf for number in numbers):
            raise DamagedError(f"{path} is no whole training state")
        if meta["snapshot"] != file_name(meta["nimg"]):
            raise DamagedError(f"{path} names no snapshot of its moment")
        if not all(map(is_finite, arrays.values())):
            raise DamagedError(f"{path} holds numbers that are not finite")
        return arrays, meta

    def states(self) -> list[Path]:
        """Returns the states that training can continue from, newest first."""
        found = [p for p in self.path.glob("training-state-*.npz") if _STATE.fullmatch(p.name)]
        return sorted(found, key=_nimg_of, reverse=True)

    def set_aside(self, path: Path) -> None:
        """Gives a file a name under which nothing looks for it."""
        with contextlib.suppress(FileNotFoundError):
            path.rename(path.with_name(f"set-aside-{path.name}"))

    def snapshot_path(self, nimg: int) -> Path:
        """Returns where the snapshot after `nimg` images goes."""
        return self.path / file_name(nimg)

    def remove_old_snapshots(self, keep: int, best: Path | None = None) -> None:
        """Removes all but the newest `keep` snapshots and the best one; 0 keeps all.

        Those that training can continue from stay too.
        """
        if not keep:
            return
        needed = {self.snapshot_path(_nimg_of(state)) for state in self.states()} | {best}
        for path in snapshots_of(self.path)[:-keep]:
            if path not in needed:
                path.unlink()


def _nimg_of(state: Path) -> int:
    return int(_STATE.fullmatch(state.name)[1])


def _runs(results: Path) -> list[tuple[int, Path]]:
    if not results.is_dir():
        return []
    matches = [(re.match(r"(\d{3,})-", p.name), p) for p in results.iterdir() if p.is_dir()]
    return [(int(m[1]), p) for m, p in matches if m]


def _comparable(config: Config) -> dict:
    return {k: v for k, v in config_module.flatten(config).items() if k not in _FREE}

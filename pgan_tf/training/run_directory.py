"""What a run leaves on the disk: `results/NNN-<description>/`."""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from pgan_tf import config as config_module
from pgan_tf.cli import UserError
from pgan_tf.config import Config
from pgan_tf.files import PARTIAL_SUFFIX, write_text
from pgan_tf.snapshot import file_name, load_arrays, save_arrays, snapshots_of

_STATE = re.compile(r"training-state-(\d{12})\.npz")
_STATE_FORMAT = "pgan_tf training state 2"

# Options that may change between the parts of one run: they don't change what is computed.
_FREE = (
    "train.total_kimg", "train.image_snapshot_ticks", "train.network_snapshot_ticks",
    "train.keep_snapshots", "train.metrics", "train.metric_ticks", "train.metric_images",
    "train.best_metric",
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
        """
        wanted = _comparable(config)
        for number, path in sorted(_runs(Path(results)), reverse=True):
            del number
            try:
                saved = config_module.from_json((path / "config.json").read_text())
            except (OSError, ValueError, AttributeError, UserError):
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
        run.save_config(config)
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
                    f"{self.path} is being trained in by another process; --new starts another run"
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

        They are in `stats.jsonl` and `metric-<name>.jsonl`; of the latter, lines that name a
        snapshot are not the training's and stay.
        """
        for path in [self.path / "stats.jsonl", *self.path.glob("metric-*.jsonl")]:
            if not path.exists():
                continue
            kept = []
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                    other = "kimg" not in record or "snapshot" in record
                    if other or record["kimg"] <= nimg / 1000:
                        kept.append(line)
                except (ValueError, TypeError):
                    continue  # cut short by a crash
            write_text(path, "".join(line + "\n" for line in kept))

    def save_state(self, variables: dict[str, tf.Variable], meta: dict) -> None:
        """Writes the optimizers' state and the counters that belong to the newest snapshot.

        Older states are removed once the new one is whole.
        """
        name = f"training-state-{meta['nimg']:012d}.npz"
        arrays = {k: v.numpy() for k, v in variables.items()}
        save_arrays(self.path / name, arrays, {"format": _STATE_FORMAT, **meta})
        for old in self._states():
            if old.name != name:
                old.unlink()

    def load_state(self) -> tuple[dict[str, np.ndarray], dict] | None:
        """Returns the newest whole state whose snapshot is there, or None for a fresh start.

        Raises: UserError when there are snapshots but no state that goes with them.
        """
        problem = None
        for path in reversed(self._states()):
            try:
                arrays, meta = load_arrays(path, _STATE_FORMAT)
            except UserError as error:
                problem = problem or error
                continue
            if (self.path / meta["snapshot"]).exists():
                return arrays, meta
            problem = problem or UserError(f"{path} goes with {meta['snapshot']}, which is gone")
        if problem is None and (found := snapshots_of(self.path)):
            problem = f"{found[-1]} has no training state beside it to continue from"
        if problem:
            raise UserError(f"{problem}; or start a new run with --new")
        return None

    def _states(self) -> list[Path]:
        found = [p for p in self.path.glob("training-state-*.npz") if _STATE.fullmatch(p.name)]
        return sorted(found, key=lambda p: int(_STATE.fullmatch(p.name)[1]))

    def snapshot_path(self, nimg: int) -> Path:
        """Returns where the snapshot after `nimg` images goes."""
        return self.path / file_name(nimg)

    def remove_old_snapshots(self, keep: int, best: Path | None = None) -> None:
        """Removes all but the newest `keep` snapshots and the best one; 0 keeps all."""
        if keep:
            for path in snapshots_of(self.path)[:-keep]:
                if path != best:
                    path.unlink()


def _runs(results: Path) -> list[tuple[int, Path]]:
    if not results.is_dir():
        return []
    matches = [(re.match(r"(\d{3,})-", p.name), p) for p in results.iterdir() if p.is_dir()]
    return [(int(m[1]), p) for m, p in matches if m]


def _comparable(config: Config) -> dict:
    return {k: v for k, v in config_module.flatten(config).items() if k not in _FREE}

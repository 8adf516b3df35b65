"""Writes a run's directory: options, change log, lines, lock, removal; see `pgan_tf.run`."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from pgan_tf import config as config_module
from pgan_tf import run as names
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.files import PARTIAL_SUFFIX, parse_json, write_text
from pgan_tf.run import Change, DatasetFacts, Run, runs_in

STATES_KEPT = 2  # the second in case the first, or its snapshot, gets damaged


class RunDirectory(Run):
    """A run that this process trains: reads it like `Run`, and writes it."""

    @classmethod
    def create(
        cls, results: str | os.PathLike, config: Config, dataset: DatasetFacts | None = None
    ) -> "RunDirectory":
        """Makes the directory `results/NNN-<name>`; NNN is the next free number."""
        results = Path(results)
        results.mkdir(parents=True, exist_ok=True)
        while True:
            number = max((run.number for run in runs_in(results)), default=-1) + 1
            path = results / f"{number:03d}-{config.name}"
            with contextlib.suppress(FileExistsError):  # another process was quicker
                path.mkdir()
                break
        run = cls(path)
        try:
            run.save_config(config)
            if dataset is not None:
                run.save_dataset(dataset)
        except BaseException:
            run.discard()
            raise
        return run

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the directory: no other process can train in it inside the `with` block.

        Also removes half-written files of a killed process.

        Raises: UserError when another process is training in it.
        """
        lock = filelock.FileLock(self.path / names.LOCK, timeout=0)
        try:
            with lock:
                for partial in self.path.glob(f".*{PARTIAL_SUFFIX}"):
                    partial.unlink()
                yield
        except filelock.Timeout:
            raise UserError(
                f"{self.path} is being trained in by another process; wait for it, or start"
                " another run"
            ) from None

    def discard(self) -> None:
        """Removes the directory of a run that could not begin, unless it holds other files."""
        for name in (names.CONFIG, names.DATASET, names.LOCK):
            (self.path / name).unlink(missing_ok=True)
        for events in self.path.glob(names.EVENTS):
            events.unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def save_config(self, config: Config) -> None:
        """Writes the options the run begins with."""
        write_text(self.path / names.CONFIG, config_module.to_json(config) + "\n")

    def save_dataset(self, dataset: DatasetFacts) -> None:
        """Writes what identifies the data set."""
        text = json.dumps(dataclasses.asdict(dataset), indent=2)
        write_text(self.path / names.DATASET, text + "\n")

    def save_changes(self, changes: Sequence[Change]) -> None:
        """Writes the whole change log."""
        lines = [json.dumps(dataclasses.asdict(change)) + "\n" for change in changes]
        write_text(self.path / names.CHANGES, "".join(lines))

    def append(self, name: str, line: str) -> None:
        """Appends a line to a text file."""
        with open(self.path / name, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def go_back_to(self, nimg: int) -> None:
        """Sets aside everything the training made after the save that it continues from.

        Pictures, snapshots and states get a name that nothing looks for. Later lines of
        `stats.jsonl`, and those that the training itself wrote to `metric-<name>.jsonl`, move to
        files with such names.

        Args:
          nimg: images shown at that save.
        """
        for moment in [*self.pictures, *self.snapshots, *self.states]:
            if moment.nimg > nimg:
                self.set_aside(moment.path)
        metrics = [self.path / names.metric_name(metric) for metric in self.metrics]
        for path in [self.path / names.STATS, *metrics]:
            if not path.exists():
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            parts: dict[bool, str] = {True: "", False: ""}
            for line in lines:
                parts[_is_of_before(line, nimg, path)] += line + "\n"
            if parts[False]:
                self.append(names.SET_ASIDE + path.name, parts[False].removesuffix("\n"))
                write_text(path, parts[True])

    def set_aside(self, path: Path) -> None:
        """Gives a file a new name, under which nothing looks for it; replaces no other file."""
        target = path.with_name(names.SET_ASIDE + path.name)
        number = 1
        while target.exists():
            number += 1
            target = path.with_name(f"{names.SET_ASIDE}{number}-{path.name}")
        with contextlib.suppress(FileNotFoundError):
            path.replace(target)

    def remove_old_states(self) -> None:
        """Removes all states but the newest ones."""
        for state in self.states[STATES_KEPT:]:
            state.path.unlink()

    def remove_old_snapshots(self, keep: int) -> None:
        """Removes old snapshots.

        Args:
          keep: how many of the newest to keep; 0 keeps all. The best snapshot and those that
            training can continue from are kept too.
        """
        if not keep:
            return
        needed = {state.nimg for state in self.states}
        best = self.best[0] if self.best else None
        for snapshot in self.snapshots[:-keep]:
            if snapshot.nimg not in needed and snapshot.path != best:
                snapshot.path.unlink()


def _is_of_before(line: str, nimg: int, path: Path) -> bool:
    """Whether a line belongs to the run up to `nimg` images; False for a line cut short."""
    try:
        record = parse_json(line, path)
        other = "snapshot" in record and "training" not in record  # a command's, not a training's
        return other or "kimg" not in record or record["kimg"] <= nimg / 1000
    except (DamagedError, TypeError):
        return False

"""A run on disk, `results/NNN-<name>/`: the names of its files, and how to read them.

This module only reads. A run can be read at any time, also while it is being trained.
"""

import dataclasses
import functools
import math
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError, nearest
from pgan_tf.files import parse_json, read_json, read_json_lines

CONFIG = "config.json"
"""The options the run began with."""
CHANGES = "changes.jsonl"
"""Options that changed in mid-run, one line for each change."""
DATASET = "dataset.json"
"""What identifies the data set."""
STATS = "stats.jsonl"
"""One line for each tick."""
LOG = "log.txt"
"""Everything that was printed."""
BEST = "best-snapshot.json"
"""The best snapshot by a metric."""
REALS = "reals.png"
"""A grid of real images."""
LOCK = ".lock"
SET_ASIDE = "set-aside-"
"""Prefix of files that the run no longer uses."""
EVENTS = "events.out.tfevents.*"
"""TensorBoard's files."""

_RESTORE = "restore it from a copy, or start a new run with --new (without --resume)"
_TRAIN_FIRST = "train first, for example with python -m pgan_tf.train --config openmoji"
_MOMENT = r"(\d{6,})(?:-(\d{3}))?"
_SNAPSHOT = re.compile(rf"network-snapshot-{_MOMENT}\.npz")
_FAKES = re.compile(rf"fakes{_MOMENT}\.png")
_STATE = re.compile(r"training-state-(\d{12})\.npz")
_METRIC = re.compile(r"metric-(.+)\.jsonl")
_RUN = re.compile(r"(\d{3,})-(.+)", re.DOTALL)


def snapshot_name(nimg: int) -> str:
    """Returns the name of the snapshot after `nimg` images, `network-snapshot-KKKKKK[-RRR].npz`.

    KKKKKK is thousands of images, RRR the remainder if it is not 0. Two moments never have the
    same name, so no file replaces another.
    """
    return f"network-snapshot-{_moment(nimg)}.npz"


def is_snapshot_name(name: str) -> bool:
    """Whether `snapshot_name` makes such names."""
    return _SNAPSHOT.fullmatch(name) is not None


def fakes_name(nimg: int) -> str:
    """Returns the name of the picture of fakes after `nimg` images."""
    return f"fakes{_moment(nimg)}.png"


def state_name(nimg: int) -> str:
    """Returns the name of the training state after `nimg` images."""
    return f"training-state-{nimg:012d}.npz"


def metric_name(metric: str) -> str:
    """Returns the name of the file with a metric's results, `metric-<name>.jsonl`."""
    return f"metric-{metric}.jsonl"


def _moment(nimg: int) -> str:
    kimg, rest = divmod(nimg, 1000)
    return f"{kimg:06d}" + (f"-{rest:03d}" if rest else "")


@dataclass(frozen=True)
class Moment:
    """A picture, snapshot or state, and the number of images shown when it was made."""

    nimg: int
    path: Path

    @property
    def kimg(self) -> float:
        """Thousands of images shown."""
        return self.nimg / 1000


@dataclass(frozen=True)
class Tick:
    """The report of one tick.

    Attributes:
      tick: number of the tick, from 1.
      nimg: images shown since the start.
      lod, resolution, minibatch: their values at the tick's end.
      time: seconds of work since the start.
      images_per_sec: speed in this tick.
      values: everything else in the line, such as `D_loss` or a metric's values.
    """

    tick: int
    nimg: int
    lod: float
    resolution: int
    minibatch: int
    time: float
    images_per_sec: float
    values: Mapping[str, float | None]

    @property
    def kimg(self) -> float:
        """Thousands of images shown."""
        return self.nimg / 1000

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Tick | None":
        """Returns the tick that a line of `stats.jsonl` describes; None for any other record."""
        kinds = {f.name: f.type for f in dataclasses.fields(cls) if f.name != "values"}
        found = {name: record.get(name) for name in kinds}
        if not all(_is_number(value) for value in found.values()):
            return None
        found = {n: int(v) if kinds[n] is int else float(v) for n, v in found.items()}
        rest = {n: v for n, v in record.items() if n not in kinds and (v is None or _is_number(v))}
        return cls(**found, values=rest)


@dataclass(frozen=True)
class Change:
    """A change of an option: from `nimg` images on, its value is `new`."""

    nimg: int
    option: str
    old: Any
    new: Any


@dataclass(frozen=True)
class DatasetFacts:
    """What identifies the data set of a run.

    Attributes:
      path: where the data set was, as typed.
      content_hash: `Dataset.content_hash`; equal for equal images and labels in any place.
      class_names: names of the labels' columns; empty without labels.
      empty_classes: numbers of the classes without any image.
    """

    path: str
    num_images: int
    resolution: int
    num_channels: int
    label_size: int
    content_hash: str
    class_names: tuple[str, ...] = ()
    empty_classes: tuple[int, ...] = ()

    def __str__(self) -> str:
        labels = f", {self.label_size} classes" if self.label_size else ", no labels"
        return (
            f"{self.num_images:,} images of {self.resolution}x{self.resolution},"
            f" {self.num_channels} channel(s){labels}"
        )

    def differences(self, other: "DatasetFacts") -> list[str]:
        """Returns lines on how `other` differs; an empty list if it holds the same images."""
        if self.content_hash == other.content_hash:
            return []
        found = [
            f"{what} {mine:,} there, {theirs:,} here"
            for what, mine, theirs in (
                ("images:", self.num_images, other.num_images),
                ("resolution:", self.resolution, other.resolution),
                ("channels:", self.num_channels, other.num_channels),
                ("classes:", self.label_size, other.label_size),
            )
            if mine != theirs
        ]
        return found or ["as many images of the same size, but other pixels or labels"]


class Run:
    """A run's directory. Each access reads the files again.

    Args:
      path: the directory.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """Returns the run at a path that a user typed.

        Raises: UserError if there is no run; it says what is there instead.
        """
        run = cls(path)
        if not run.path.is_dir():
            raise UserError(f"{run.path} is no run: {_what_is_there(run.path)}")
        if not (run.path / CONFIG).exists():
            if others := runs_in(run.path):
                names = ", ".join(str(other.path) for other in others[-3:])
                raise UserError(f"{run.path} holds runs; name one of them: {names}")
            raise UserError(
                f"{run.path} is no run: it has no {CONFIG}; name a run's directory, such as"
                " results/000-NAME"
            )
        return run

    @property
    def number(self) -> int:
        """NNN of the directory's name; -1 if it has no number."""
        match = _RUN.fullmatch(self.path.name)
        return int(match[1]) if match else -1

    @property
    def name(self) -> str:
        """The directory's name without its number."""
        match = _RUN.fullmatch(self.path.name)
        return match[2] if match else self.path.name

    @property
    def first_config(self) -> Config:
        """The options the run began with.

        Raises: DamagedError if they can't be read.
        """
        path = self.path / CONFIG
        try:
            return config_module.from_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DamagedError(f"{path} can't be read: {error.strerror}") from None
        except (UserError, UnicodeDecodeError) as error:
            raise DamagedError(f"{path} is damaged: {error}; {_RESTORE}") from None

    @property
    def changes(self) -> list[Change]:
        """The options that changed in mid-run, in order.

        Raises: DamagedError for a line that is no change, since the training depends on each.
        """
        changes = []
        path = self.path / CHANGES
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise DamagedError(f"{path} can't be read: {error.strerror}; {_RESTORE}") from None
        for line in lines:
            try:
                record = parse_json(line, path)
            except DamagedError as error:
                raise DamagedError(f"{error}; {_RESTORE}") from None
            if not (
                isinstance(record, dict)
                and type(record.get("nimg")) is int
                and isinstance(record.get("option"), str)
                and {"old", "new"} <= record.keys()
            ):
                raise DamagedError(f"{path} is damaged: {record} is no change; {_RESTORE}")
            changes.append(Change(record["nimg"], record["option"], record["old"], record["new"]))
        return changes

    def config_at(self, nimg: int | float = math.inf) -> Config:
        """Returns the options in force after `nimg` images: the first ones with the log applied."""
        first, changes = self.first_config, self.changes
        try:
            return apply_changes(first, changes, nimg)
        except UserError as error:
            raise DamagedError(
                f"{self.path / CHANGES} is damaged or of a newer version: {error}; {_RESTORE}"
            ) from None

    @property
    def config(self) -> Config:
        """The options in force now."""
        return self.config_at()

    @property
    def dataset(self) -> DatasetFacts | None:
        """What identifies the data set; None for runs of a version that didn't record it."""
        try:
            record = read_json(self.path / DATASET)
            facts = {f.name: record[f.name] for f in dataclasses.fields(DatasetFacts)}
            facts["class_names"] = tuple(map(str, facts["class_names"]))
            facts["empty_classes"] = tuple(map(int, facts["empty_classes"]))
            return DatasetFacts(**facts)
        except (OSError, DamagedError, TypeError, KeyError, ValueError):
            return None

    @property
    def ticks(self) -> list[Tick]:
        """The reports of all ticks, in order."""
        ticks = map(Tick.of, read_json_lines(self.path / STATS))
        return [tick for tick in ticks if tick is not None]

    @property
    def snapshots(self) -> list[Moment]:
        """Snapshots, oldest first."""
        return self._moments(_SNAPSHOT)

    @property
    def states(self) -> list[Moment]:
        """Training states to continue from, newest first."""
        found = [(_STATE.fullmatch(p.name), p) for p in self._files()]
        moments = [Moment(int(match[1]), path) for match, path in found if match]
        return sorted(moments, key=lambda m: m.nimg, reverse=True)

    @property
    def pictures(self) -> list[Moment]:
        """Pictures of fakes, oldest first, each with the exact number of images shown.

        Earlier versions named pictures by whole thousands; such a name means the last tick within
        that thousand.
        """
        exact = {}
        for tick in self.ticks:
            exact[tick.nimg // 1000] = tick.nimg
        pictures = self._moments(_FAKES)
        known = {tick.nimg for tick in self.ticks} | {0}
        return [
            moment
            if moment.nimg in known
            else Moment(exact.get(moment.nimg // 1000, moment.nimg), moment.path)
            for moment in pictures
        ]

    @property
    def reals(self) -> Path | None:
        """The grid of real images; None if there is none."""
        path = self.path / REALS
        return path if path.is_file() else None

    @property
    def metrics(self) -> dict[str, list[dict]]:
        """Metric name -> its results, one dictionary each, in the order of measurement."""
        found = [(_METRIC.fullmatch(p.name), p) for p in sorted(self._files())]
        return {match[1]: read_json_lines(path) for match, path in found if match}

    @property
    def best(self) -> tuple[Path, str, float] | None:
        """The best snapshot, the column that decided, and its value; None if none is marked."""
        try:
            record = read_json(self.path / BEST)
            path = self.path / Path(str(record["snapshot"])).name
            value = record["value"]
            if _SNAPSHOT.fullmatch(path.name) and path.is_file() and _is_number(value):
                return path, str(record["column"]), float(value)
        except (OSError, DamagedError, TypeError, KeyError):
            pass
        return None

    @functools.cached_property
    def shell_path(self) -> str:
        """The path as it is typed in a command."""
        return shlex.quote(str(self.path))

    def _files(self) -> list[Path]:
        return list(self.path.iterdir()) if self.path.is_dir() else []

    def _moments(self, pattern: re.Pattern) -> list[Moment]:
        found = [(pattern.fullmatch(path.name), path) for path in self._files()]
        moments = [Moment(1000 * int(m[1]) + int(m[2] or 0), path) for m, path in found if m]
        return sorted(moments, key=lambda moment: moment.nimg)


def apply_changes(config: Config, changes: Iterable[Change], nimg: int | float) -> Config:
    """Returns the options in force after `nimg` images; a pure function of the change log.

    Options that were renamed or removed since the log was written are known by their old names.

    Raises: UserError for an option that this version doesn't know.
    """
    for change in changes:
        name = config_module.current_name(change.option)
        if change.nimg <= nimg and name is not None:
            config = config_module.override(config, {name: change.new})
    return config


def runs_in(results: str | os.PathLike) -> list[Run]:
    """Returns the runs in a results directory, by number."""
    results = Path(results)
    if not results.is_dir():
        return []
    runs = [Run(p) for p in results.iterdir() if p.is_dir() and _RUN.fullmatch(p.name)]
    return sorted(runs, key=lambda run: (run.number, run.name))


def newest_snapshot(where: str | os.PathLike) -> Path:
    """Returns the newest snapshot of a run, or of the newest run in a results directory.

    The newest run is the one with the highest number that has a snapshot.

    Raises: UserError if there is none; it says what is there instead.
    """
    where = Path(where)
    for run in [Run(where), *reversed(runs_in(where))]:
        if found := run.snapshots:
            return found[-1].path
    raise UserError(f"no snapshot in {where}: {_what_is_there(where)}")


def _what_is_there(path: Path) -> str:
    """Returns a hint on what is at a path without a snapshot."""
    if path.is_dir():
        if (path / CONFIG).exists():
            return "the run has not saved one yet; look for another run, or train on"
        if runs := runs_in(path):
            return f"its {len(runs)} run(s) have not saved one yet"
        return f"no run is in it; name a run, or {_TRAIN_FIRST}"
    if path.exists():
        return "it is a file"
    parent = path.parent
    beside = [p for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
    names = [p.name for p in beside if (p / CONFIG).exists() or runs_in(p)]
    missing = f"there is no such directory{nearest(path.name, names)}"
    if runs := runs_in(parent):
        return f"{missing}; there are {', '.join(run.path.name for run in runs[-5:])}"
    if elsewhere := [p / path.name for p in beside if runs_in(p / path.name)]:
        return f"{missing}, but there are runs in {elsewhere[0]}: name it"
    return f"{missing}; {_TRAIN_FIRST}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

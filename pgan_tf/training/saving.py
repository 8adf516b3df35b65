"""Saves: a snapshot with the training state that belongs to it, and continuing from them."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.networks import GrowingNetwork, from_official
from pgan_tf.run import DatasetFacts, Moment, snapshot_name, state_name
from pgan_tf.snapshots import Parts, read_parts, save_snapshot
from pgan_tf.snapshots.archive import is_finite, load_arrays, saving_arrays
from pgan_tf.training.identity import resume_command
from pgan_tf.training.run_directory import RunDirectory

_KIND, _VERSION = "training state", 2


@dataclass
class Position:
    """Where a training stands.

    Attributes:
      nimg: images shown.
      phase_nimg: images shown when the schedule was last looked up.
      lod: the lod of the last iteration; None before the first.
      tick: number of the last finished tick.
      tick_nimg: images shown when the current tick began.
      tick_time: seconds of work when the current tick began.
    """

    nimg: int = 0
    phase_nimg: int = 0
    lod: float | None = None
    tick: int = 0
    tick_nimg: int = 0
    tick_time: float = 0.0


@dataclass(frozen=True)
class Save:
    """A save that was read and found whole.

    Attributes:
      position: where the training stood.
      time: its seconds of work until then.
      parts: the networks.
      arrays: everything else, by the names of `TrainStep.state`.
      dataset: content hash of the data set that was trained on.
      state: the training state's file.
    """

    position: Position
    time: float
    parts: Parts
    arrays: Mapping[str, np.ndarray]
    dataset: str
    state: Moment


_COUNTERS = {f.name: f.type for f in dataclasses.fields(Position)} | {"lod": float, "time": float}
_TEXTS = ("dataset", "snapshot")


def newest_save(run: RunDirectory) -> tuple[Save | None, list[str]]:
    """Returns the newest whole save, and lines for the user about newer ones.

    Nothing is changed; `RunDirectory.go_back_to` sets aside what is damaged or newer. A lone first
    snapshot, whose state a crash kept from being written, is no save: starting again from 0 loses
    nothing.

    Returns: the save, or None if there is none; lines for the user.
    Raises: UserError when there are saves but none is whole.
    """
    faults: list[tuple[DamagedError, Moment]] = []
    for state in run.states:
        try:
            save = _read(run, state)
        except DamagedError as fault:
            faults.append((fault, state))
            continue
        nimg = save.position.nimg
        messages = [str(fault) for fault, _ in faults]
        newer = [snapshot for snapshot in run.snapshots if snapshot.nimg > nimg]
        if newer and not faults:
            messages = [f"{newer[-1].path} has no training state beside it"]
        return save, [f"{message}; going back to {nimg / 1000:.1f} kimg" for message in messages]
    if faults:
        raise UserError(f"{faults[0][0]}; start a new run with --new (without --resume)")
    if len(run.snapshots) > 1:
        raise UserError(
            f"{run.snapshots[-1].path} has no training state beside it to continue from; start a"
            " new run with --new (without --resume)"
        )
    return None, []


def _read(run: RunDirectory, state: Moment) -> Save:
    """Reads a training state and the networks that belong to it.

    Raises: DamagedError; UserError when they can't be read or are of another version.
    """
    path = state.path
    arrays, meta = load_arrays(path, _KIND, range(_VERSION, _VERSION + 1))
    counters = [meta.get(name) for name in _COUNTERS]
    whole = all(
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        for value in counters
    ) and all(isinstance(meta.get(name), str) for name in _TEXTS)
    if not whole or any(type(meta[n]) is not int for n, kind in _COUNTERS.items() if kind is int):
        raise DamagedError(f"{path} is no whole training state")
    if meta["snapshot"] != snapshot_name(meta["nimg"]):
        raise DamagedError(f"{path} names no snapshot of its moment")
    if not all(map(is_finite, arrays.values())):
        raise DamagedError(f"{path} holds numbers that are not finite")
    snapshot = run.path / meta["snapshot"]
    parts = read_parts(snapshot)
    if parts.nimg != meta["nimg"]:
        raise DamagedError(f"{snapshot} and {path.name} are of different moments")
    for name, network in parts.networks.items():
        if not all(map(is_finite, network.arrays.values())):
            raise DamagedError(f"{snapshot} holds weights that are no finite numbers ({name})")
    position = Position(**{f.name: meta[f.name] for f in dataclasses.fields(Position)})
    return Save(position, meta["time"], parts, arrays, meta["dataset"], state)


def check_same_data(run: RunDirectory, save: Save, here: DatasetFacts) -> None:
    """Raises UserError if a run would continue on other images; the message says what differs."""
    if save.dataset == here.content_hash:
        return
    there = run.dataset
    if there is None:
        arguments = save.parts.networks["G"].arguments
        size, channels = arguments["resolution"], arguments["num_channels"]
        what = f"its networks are of {size}x{size} and {channels} channel(s)"
    else:
        what = "; ".join(there.differences(here)) or "other pixels or labels"
    raise UserError(
        f"{run.path} was trained on other images than {here.path} holds now ({here}): {what};"
        " restore the data set, or name it with --data-dir, or start a new run with --new (without"
        " --resume)"
    )


def restore(
    save: Save, networks: Mapping[str, GrowingNetwork], state: Mapping[str, tf.Variable]
) -> None:
    """Sets all variables to what a save holds.

    Args:
      save: the save to continue from.
      networks: "G", "D", "Gs" -> network.
      state: name -> variable of everything else; see `TrainStep.state`.
    Raises: DamagedError when the save is of other networks.
    """
    wanted = {name: tuple(variable.shape) for name, variable in state.items()}
    misfit = DamagedError(
        f"{save.state.path} or the snapshot that it goes with is of other networks; start a"
        " new run with --new (without --resume)"
    )
    if {name: array.shape for name, array in save.arrays.items()} != wanted:
        raise misfit
    try:
        for name, network in networks.items():
            from_official(network, save.parts.networks[name].arrays)
    except ValueError:
        raise misfit from None
    for name, variable in state.items():
        variable.assign(save.arrays[name])


class Saver:
    """Saves a training.

    Args:
      run: the run's directory.
      networks: "G", "D", "Gs" -> network.
      state: name -> variable of everything else; see `TrainStep.state`.
      config: the options in force.
      dataset: what identifies the data set that is trained on.
    """

    def __init__(
        self,
        run: RunDirectory,
        networks: Mapping[str, GrowingNetwork],
        state: Mapping[str, tf.Variable],
        config: Config,
        dataset: DatasetFacts,
    ):
        self.run, self.networks, self.state = run, networks, state
        self.config, self.dataset = config, dataset

    def save(self, position: Position, time: float) -> None:
        """Saves a snapshot and the training state that belongs to it.

        Both get their final names together, once both are on the disk. Then all states but the
        newest ones are removed.

        Raises: UserError when the disk is full or can't be written.
        """
        path = self.run.path / snapshot_name(position.nimg)
        meta: dict[str, Any] = {
            "format": f"pgan_tf {_KIND} {_VERSION}",
            **dataclasses.asdict(position),
            "time": time,
            "dataset": self.dataset.content_hash,
            "snapshot": path.name,
        }
        arrays = {name: variable.numpy() for name, variable in self.state.items()}
        labelled = self.networks["G"].label_size > 0
        classes = {
            "class_names": self.dataset.class_names if labelled else (),
            "empty_classes": self.dataset.empty_classes if labelled else (),
        }
        try:
            with saving_arrays(self.run.path / state_name(position.nimg), arrays, meta):
                save_snapshot(
                    path, **self.networks, config=self.config, nimg=position.nimg,
                    lod=position.lod, **classes,
                )  # fmt: skip
            self.run.remove_old_states()
        except OSError as error:
            raise UserError(
                f"can't save in {path.parent}: {error.strerror}; earlier saves are untouched; make"
                f" room, then continue with: {resume_command(self.run)}"
            ) from None

    def tidy(self) -> None:
        """Removes snapshots beyond `train.keep_snapshots`, and states that a killed run left."""
        self.run.remove_old_states()
        self.run.remove_old_snapshots(self.config.train.keep_snapshots)

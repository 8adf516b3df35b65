"""What a training leaves behind while it runs: log, stats, pictures and saves.

Only the chief writes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from pgan_tf import run as names
from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError
from pgan_tf.networks import GrowingNetwork
from pgan_tf.run import DatasetFacts
from pgan_tf.training.callbacks import Callback, Context, TickEnd
from pgan_tf.training.feed import Feed
from pgan_tf.training.grids import Grids
from pgan_tf.training.reporting import Reporter
from pgan_tf.training.run_directory import RunDirectory
from pgan_tf.training.saving import Position, Saver


class Recorder:
    """Records nothing: for a worker that is not the chief.

    Every worker calls the same methods at the same moments; only `ChiefRecorder` writes.

    Attributes:
      saved_nimg: images shown at the last save, 0 before any. Only the chief knows it.
      can_save: False once a save has failed.
    """

    saved_nimg = 0
    can_save = True

    def say(self, line: str) -> None:
        """Prints a line and appends it to the log."""

    def log(self, line: str) -> None:
        """Appends a line to the log without printing it."""

    def show_progress(self, kimg: float, tick_kimg: float, images_per_sec: float) -> None:
        """Moves the progress bar to `kimg` of the tick's `tick_kimg`."""

    def end_progress(self) -> None:
        """Removes the progress bar."""

    def begin(self, lod: float) -> None:
        """Records the start of a new run: the grid of reals and the first grid of fakes."""

    def end_tick(
        self,
        end: TickEnd,
        stats: Mapping[str, Any],
        position: Position,
        clock: Callable[[], float],
        may_save: bool,
    ) -> None:
        """Records a tick: its numbers, and the picture and the save that are due.

        Args:
          end: which tick it is.
          stats: the tick's numbers, without its own number.
          position: where the training stands.
          clock: returns the seconds of work since the run's start.
          may_save: whether the networks are fit to be saved.
        Raises: UserError when the disk is full or can't be written.
        """

    def save(self, position: Position, seconds: float) -> None:
        """Saves the networks and the training state.

        Args:
          position: where the training stands.
          seconds: of work since the run's start.
        Raises: UserError when that fails.
        """

    def tidy(self) -> None:
        """Removes snapshots and states that are no longer wanted."""

    def close(self) -> None:
        """Removes the progress bar and closes the files."""


class ChiefRecorder(Recorder):
    """Writes the run's directory, and calls the callbacks.

    Args:
      config: the options in force.
      directory: the run's directory.
      networks: "G", "D", "Gs" -> network.
      state: name -> variable of everything else a later run needs; see `TrainStep.state`.
      dataset: the data set that is trained on.
      facts: what identifies it.
      feed: chooses the images and latents of the grids.
      callbacks: what is plugged in.
      saved_nimg: images shown at the save the training continues from; 0 without one.
    """

    def __init__(
        self,
        config: Config,
        directory: RunDirectory,
        networks: Mapping[str, GrowingNetwork],
        state: Mapping[str, tf.Variable],
        dataset: Dataset | SyntheticDataset,
        facts: DatasetFacts,
        feed: Feed,
        callbacks: Sequence[Callback],
        saved_nimg: int = 0,
    ):
        self.saved_nimg = saved_nimg
        self._options, self._directory, self._callbacks = config.train, directory, callbacks
        Gs = networks["Gs"]
        self._reporter = Reporter(directory)
        self._grids = Grids(config, directory.path, Gs, dataset, feed, self._reporter)
        self._saver = Saver(directory, networks, state, config, facts)
        context = Context(
            config, Gs, dataset, Gs.resolution, feed.labels, directory, self._reporter.say
        )
        for callback in callbacks:
            callback.begin(context)

    def say(self, line: str) -> None:
        self._reporter.say(line)

    def log(self, line: str) -> None:
        self._directory.append(names.LOG, line)

    def show_progress(self, kimg: float, tick_kimg: float, images_per_sec: float) -> None:
        self._reporter.progress(kimg, tick_kimg, images_per_sec)

    def end_progress(self) -> None:
        self._reporter.end_progress()

    def begin(self, lod: float) -> None:
        self._grids.save_reals()
        self._grids.save_fakes(0, lod)

    def end_tick(
        self,
        end: TickEnd,
        stats: Mapping[str, Any],
        position: Position,
        clock: Callable[[], float],
        may_save: bool,
    ) -> None:
        values: dict[str, float] = {}
        snapshot = None
        try:
            for callback in self._callbacks:
                values |= callback.at_tick(end)
            self._reporter.tick({"tick": end.tick, **stats}, values)
            if end.is_due(self._options.image_snapshot_ticks):
                path = self._grids.save_fakes(end.nimg, end.lod)
                for callback in self._callbacks:
                    callback.picture(end, path)
            is_due = end.is_due(self._options.network_snapshot_ticks)
            is_due = is_due or any(callback.wants_save(end) for callback in self._callbacks)
            if end.last or (is_due and may_save):
                self.save(position, clock())
                snapshot = self._directory.path / names.snapshot_name(end.nimg)
        finally:
            for callback in self._callbacks:
                callback.after_tick(end, snapshot)
        self.tidy()

    def save(self, position: Position, seconds: float) -> None:
        try:
            self._saver.save(position, seconds)
        except UserError:
            self.can_save = False
            raise
        self.saved_nimg = position.nimg

    def tidy(self) -> None:
        self._saver.tidy()

    def close(self) -> None:
        self._reporter.close()

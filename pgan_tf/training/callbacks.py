"""What can be plugged into a training: metrics, pictures of a demo, and the like."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.networks import Generator
from pgan_tf.training.run_directory import RunDirectory


@dataclass(frozen=True)
class Context:
    """What a callback may look at.

    Attributes:
      config: the options that hold.
      Gs: the smoothed generator, float32; it changes while the training goes on.
      dataset: that is trained on.
      resolution: the final one.
      labels: rows to draw labels from, float32 [num, label_size]; None without labels.
      run: the run's directory.
      say: prints a line and appends it to the run's log.
    """

    config: Config
    Gs: Generator
    dataset: Dataset | SyntheticDataset
    resolution: int
    labels: np.ndarray | None
    run: RunDirectory
    say: Callable[[str], None]


@dataclass(frozen=True)
class TickEnd:
    """The end of a tick.

    Attributes:
      tick: its number.
      nimg: images shown.
      lod: of the networks.
      last: whether the run ends with it.
    """

    tick: int
    nimg: int
    lod: float
    last: bool

    def is_due(self, every: int) -> bool:
        """True every so many ticks and at the end; with 0 only at the end."""
        return self.last or (every > 0 and self.tick % every == 0)


class Callback(Protocol):
    """All methods are called on the chief alone, in the order in which they stand here."""

    def begin(self, context: Context) -> None:
        """At the start of a training or of its continuation. Raises: UserError to refuse it."""

    def at_tick(self, end: TickEnd) -> dict[str, float]:
        """At the end of each tick, before anything of it is written: values for its line."""

    def wants_save(self, end: TickEnd) -> bool:
        """Whether a snapshot is to be saved now though none is due."""

    def picture(self, end: TickEnd, path: Path) -> None:
        """When a picture of fakes was written."""

    def after_tick(self, end: TickEnd, snapshot: Path | None) -> None:
        """When all of the tick is written, or can't be; the snapshot saved with it, if any."""


class NoCallback:
    """A callback that does nothing: a base for those that need few of the methods."""

    def begin(self, context: Context) -> None:
        """See `Callback`."""

    def at_tick(self, end: TickEnd) -> dict[str, float]:
        """See `Callback`."""
        return {}

    def wants_save(self, end: TickEnd) -> bool:
        """See `Callback`."""
        return False

    def picture(self, end: TickEnd, path: Path) -> None:
        """See `Callback`."""

    def after_tick(self, end: TickEnd, snapshot: Path | None) -> None:
        """See `Callback`."""

"""Callbacks: what can be plugged into a training, such as metrics or a demo's pictures."""

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
    """What a callback may use.

    Attributes:
      config: the options in force.
      Gs: the smoothed generator, float32; it changes as the training goes on.
      dataset: the data set that is trained on.
      resolution: the final resolution.
      labels: labels of all images, float32 [num_images, label_size]; None without labels.
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
      tick: number of the tick.
      nimg: images shown.
      lod: lod of the networks.
      last: whether the run ends with this tick.
    """

    tick: int
    nimg: int
    lod: float
    last: bool

    def is_due(self, every: int) -> bool:
        """True every `every` ticks and at the run's end; with 0 only at the end."""
        return self.last or (every > 0 and self.tick % every == 0)


class Callback(Protocol):
    """Called on the chief only. At each tick, the methods are called in the order given here."""

    def begin(self, context: Context) -> None:
        """Called when training starts or continues. Raises: UserError to refuse it."""

    def at_tick(self, end: TickEnd) -> dict[str, float]:
        """Called at the end of each tick, before it is reported; returns values for its line."""

    def wants_save(self, end: TickEnd) -> bool:
        """Returns True to have a snapshot saved although none is due."""

    def picture(self, end: TickEnd, path: Path) -> None:
        """Called when a picture of fakes has been written."""

    def after_tick(self, end: TickEnd, snapshot: Path | None) -> None:
        """Called last, also after a failure; `snapshot` is the one saved at this tick, if any."""


class NoCallback:
    """A callback that does nothing; a base class for callbacks that need few of the methods."""

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

"""Reports of a training while it runs: console, log, stats.jsonl, TensorBoard."""

import contextlib
import functools
import json
import re
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pgan_tf.errors import UserError
from pgan_tf.progress import duration
from pgan_tf.run import LOG, STATS
from pgan_tf.training.run_directory import RunDirectory


def _short(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.3f}"


class Reporter:
    """Reports each tick, and draws a progress bar between ticks.

    Args:
      run: the run's directory.
    """

    def __init__(self, run: RunDirectory):
        self.run = run
        self._console = Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task = None

    @functools.cached_property
    def _writer(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self.run.path))

    def say(self, line: str) -> None:
        """Prints a line and appends it to log.txt."""
        (self._bar.console if self._bar else self._console).print(line, markup=False)
        self.run.append(LOG, line)

    def progress(self, done: float, total: float, rate: float) -> None:
        """Moves the bar to `done` of the tick's `total` kimg; does nothing without a terminal."""
        if not self._console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("  tick"),
                BarColumn(),
                TextColumn("{task.completed:.1f}/{task.total:g} kimg,"),
                TextColumn("{task.fields[rate]:.1f} images/s, left"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("tick", total=total, rate=rate)
        self._bar.update(self._task, completed=min(done, total), total=total, rate=rate)

    def end_progress(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def tick(self, stats: dict, metrics: dict[str, float]) -> None:
        """Reports a tick.

        Args:
          stats: the tick's numbers.
          metrics: what was measured at its end; may be empty.
        Raises: UserError when TensorBoard's file can't be written.
        """
        self.end_progress()
        s = stats
        line = (
            f"tick {s['tick']:<5d} kimg {s['kimg']:<8.1f} lod {s['lod']:<5.2f}"
            f" minibatch {s['minibatch']:<4d} time {duration(s['time']):<12s}"
            f" sec/tick {s['sec_per_tick']:<7.1f} sec/kimg {s['sec_per_kimg']:<7.2f}"
            f" maintenance {s['maintenance']:<7.1f} images/s {s['images_per_sec']:<7.1f}"
            f" D_loss {_short(s['D_loss']):<8s} G_loss {_short(s['G_loss']):<8s}"
            f" left {duration(s['stage_left'])} (segment), {duration(s['run_left'])} (run)"
        )
        if s["D_skipped"] or s["G_skipped"]:
            line += f" skipped {s['D_skipped']:.0f} D, {s['G_skipped']:.0f} G"
        line += "".join(f" {name} {value:.4f}" for name, value in metrics.items())
        self.say(line)
        stats = {**stats, **metrics}
        self.run.append(STATS, json.dumps(stats))
        with self._summaries(s["nimg"]):
            for name, value in stats.items():
                if isinstance(value, int | float) and name != "nimg":
                    tf.summary.scalar(name, value)
            self._writer.flush()

    def image(self, name: str, picture: np.ndarray, nimg: int) -> None:
        """Adds a picture, uint8 [h, w, C], to TensorBoard."""
        with self._summaries(nimg):
            tf.summary.image(name, picture[None])
            self._writer.flush()

    @contextlib.contextmanager
    def _summaries(self, nimg: int) -> Iterator[None]:
        """Lets the block write to TensorBoard. Raises: UserError when that fails."""
        try:
            with self._writer.as_default(step=nimg):
                yield
        except tf.errors.OpError as error:
            if "OOM" in error.message:  # it was not the disk
                raise
            reason = re.sub(r"\{\{.*?\}\} *| *\[Op:.*", "", error.message, flags=re.DOTALL)
            reason = reason.rsplit("; ", 1)[-1].strip() or type(error).__name__
            raise UserError(
                f"{self.run.path}: TensorBoard's file can't be written: {reason.splitlines()[0]}"
            ) from None

    def close(self) -> None:
        """Removes the bar and closes the files."""
        self.end_progress()
        if "_writer" in vars(self):
            with contextlib.suppress(tf.errors.OpError):  # a full disk; the first error is shown
                self._writer.close()

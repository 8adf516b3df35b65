"""Seconds of work so far, and an estimate of the seconds left."""

import time
from collections.abc import Callable, Mapping

from pgan_tf.config import Config
from pgan_tf.schedule import Phase, segments


class Clock:
    """Returns the seconds of work since the run's start, over all processes that trained it.

    Args:
      before: seconds spent before this process.
    """

    def __init__(self, before: float = 0.0):
        self._start = time.monotonic() - before

    def __call__(self) -> float:
        return time.monotonic() - self._start


class TimeLeft:
    """Estimates the time a run still takes.

    Each segment of the schedule is expected to run as fast as the last tick, in operations a
    second. Each program still to be compiled is expected to take as long as the last one, and the
    time between ticks to stay as it was.

    Args:
      config: the run's schedule and length.
      resolution: the final resolution.
      replicas: number of replicas of all workers.
      operations: stage -> operations of an iteration, for each image; see `iteration_operations`.
    """

    def __init__(
        self,
        config: Config,
        resolution: int,
        replicas: int,
        operations: Callable[[int], float],
    ):
        self.segments = list(segments(config, resolution, replicas))
        self._cost = {2**s: operations(s) for s in range(2, resolution.bit_length())}
        self._start_up = 0.0  # seconds of a program's compilation and first iteration
        self._starting = 0.0  # seconds of compilations and first iterations in this tick
        self._rate = 0.0  # seconds an operation, in compiled programs
        self._between = 0.0  # seconds between ticks, for each thousand images

    def operations(self, kimg: float) -> float:
        """Returns the operations that are left after `kimg` thousand images."""
        return sum(
            (segment.end_kimg - max(segment.start_kimg, kimg))
            * 1000
            * self._cost[segment.first.resolution]
            for segment in self.segments
            if segment.end_kimg > kimg
        )

    def add_first_iteration(self, seconds: float) -> None:
        """Adds a program's first iteration, which includes its compilation."""
        self._start_up = seconds
        self._starting += seconds

    def add_tick(self, shown: Mapping[int, int], seconds: float, between: float) -> None:
        """Adds a finished tick.

        Args:
          shown: resolution -> images shown in the tick, without those of first iterations.
          seconds: how long the tick took.
          between: seconds between the tick before and this one.
        """
        work = sum(count * self._cost[resolution] for resolution, count in shown.items())
        if work:
            self._rate = max(seconds - self._starting, 0.0) / work
            self._between = between / (sum(shown.values()) / 1000)
        self._starting = 0.0

    def estimate(self, kimg: float, is_compiled: Callable[[Phase], bool]) -> tuple[float, float]:
        """Returns the seconds left for the current segment and for the run; zeros at the start.

        Args:
          kimg: thousands of images shown since the start.
          is_compiled: whether a phase's program is compiled.
        """
        segment_left = run_left = 0.0
        for segment in self.segments:
            left = segment.end_kimg - max(segment.start_kimg, kimg)
            if left > 0:
                cost = self._cost[segment.first.resolution]
                seconds = left * (1000 * cost * self._rate + self._between)
                if not is_compiled(segment.first):
                    seconds += self._start_up
                run_left += seconds
                if segment.start_kimg <= kimg:
                    segment_left = seconds
        return segment_left, run_left

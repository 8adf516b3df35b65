"""Seconds of work, and how many are left."""

import time
from collections.abc import Callable, Mapping

from pgan_tf.config import Config
from pgan_tf.schedule import Phase, segments


class Clock:
    """Seconds of work since the run's start, over all its parts.

    Args:
      before: seconds spent in earlier parts.
    """

    def __init__(self, before: float = 0.0):
        self._start = time.monotonic() - before

    def __call__(self) -> float:
        return time.monotonic() - self._start


class TimeLeft:
    """Estimates the time a run still takes.

    The rate of the last tick holds for the resolutions it was at; those of the others follow from
    it by the arithmetic that their iterations take. Each program that is still to be compiled
    takes as long as the last one did; the time between ticks goes on as in the last tick.

    Args:
      config: schedule and length of the run.
      resolution: the final one.
      replicas: of all workers.
      operations: stage -> operations of an iteration, an image; see `iteration_operations`.
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
        self._starting = 0.0  # of that, in this tick
        self._rate = 0.0  # seconds an operation, of compiled programs
        self._between = 0.0  # seconds between ticks, a thousand images

    def cost(self, resolution: int) -> float:
        """Returns the operations of an iteration at a resolution, an image."""
        return self._cost[resolution]

    def add_first_iteration(self, seconds: float) -> None:
        """Tells of an iteration that was the first of its program."""
        self._start_up = seconds
        self._starting += seconds

    def add_tick(self, shown: Mapping[int, int], seconds: float, between: float) -> None:
        """Tells of a tick.

        Args:
          shown: resolution -> images of its iterations but the first of programs.
          seconds: that the tick took.
          between: seconds between it and the one before.
        """
        work = sum(count * self._cost[resolution] for resolution, count in shown.items())
        if work:
            self._rate = max(seconds - self._starting, 0.0) / work
            self._between = between / (sum(shown.values()) / 1000)
        self._starting = 0.0

    def estimate(self, kimg: float, is_compiled: Callable[[Phase], bool]) -> tuple[float, float]:
        """Returns seconds left for the current segment and for the run; before any work, zeros.

        Args:
          kimg: thousands of images shown since the start.
          is_compiled: whether the program of a phase is.
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

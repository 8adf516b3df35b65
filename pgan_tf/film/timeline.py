"""The timeline of a growth's film: film time -> pictures, images shown, training time."""

from collections.abc import Sequence

import numpy as np

from pgan_tf import progress
from pgan_tf.run import Tick


def picture_times(nimgs: Sequence[int], resolutions: Sequence[int], seconds: float) -> np.ndarray:
    """Returns the film time, in seconds, at which each picture is fully shown.

    A stage, all pictures of one resolution, lasts in proportion to the square root of the images
    shown in it, so that early stages are not too short. Within a stage, film time is proportional
    to the images shown.

    Args:
      nimgs: images shown at each picture, increasing.
      resolutions: resolution of each picture; the time before a picture belongs to its stage.
      seconds: film time from the first picture to the last.
    Returns: float64 [n], increasing from 0 to `seconds`; [0] for one picture.
    """
    shown = np.diff(np.asarray(nimgs, np.float64))
    stages = np.asarray(resolutions)[1:]
    in_stage = np.array([shown[stages == stage].sum() for stage in stages])
    lengths = shown / np.sqrt(in_stage)
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    return times * (seconds / times[-1]) if len(shown) else times


def picture_at(times: np.ndarray, t: float, fade: float) -> tuple[int, float]:
    """Returns the number of the picture shown, and how far the next has faded in, 0 to 1.

    The next picture fades in during the last `fade` seconds before its time, or during the whole
    time between the two if that is shorter.

    Args:
      times: result of `picture_times`.
      t: film time.
    """
    k = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 1))
    if k == len(times) - 1:
        return k, 0.0
    length = min(fade, times[k + 1] - times[k])
    return k, float(np.clip((t - times[k + 1]) / length + 1, 0, 1))


class Clock:
    """Resolution and training time of a run at any number of images shown, from its ticks.

    Args:
      ticks: the run's ticks; may be empty.
    """

    def __init__(self, ticks: Sequence[Tick]):
        ticks = sorted(ticks, key=lambda tick: tick.nimg)
        self._nimgs = np.array([0, *(tick.nimg for tick in ticks)], np.float64)
        times = [0.0, *(tick.time for tick in ticks)]
        self._times = np.maximum.accumulate(np.array(times))
        self._resolutions = [tick.resolution for tick in ticks]

    def resolution(self, nimg: float) -> int:
        """Returns the resolution that was trained; 0 without ticks."""
        if not self._resolutions:
            return 0
        k = int(np.searchsorted(self._nimgs[1:], nimg))
        return self._resolutions[min(k, len(self._resolutions) - 1)]

    def seconds(self, nimg: float) -> float:
        """Returns the seconds of training, interpolated between ticks."""
        return float(np.interp(nimg, self._nimgs, self._times))

    def caption(self, nimg: float, resolution: int) -> list[str]:
        """Returns a caption's lines: resolution and training time, if known, and images shown."""
        lines = []
        if self._resolutions:
            lines.append(f"Resolution {resolution} x {resolution}")
            lines.append(f"Training time {progress.duration(self.seconds(nimg))}")
        return [*lines, f"Images shown {int(nimg):,}"]

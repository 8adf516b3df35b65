"""When a film of a growth shows what: film time -> pictures, images shown, training time."""

from collections.abc import Sequence

import numpy as np

from pgan_tf import progress
from pgan_tf.run import Tick


def positions(nimgs: Sequence[int], resolutions: Sequence[int], seconds: float) -> np.ndarray:
    """Returns when each picture is there, in seconds of film.

    A stage, all pictures of a resolution, takes film in proportion to the square root of the
    images shown in it, so that early stages are not too short; within it, film time goes with the
    images shown.

    Args:
      nimgs: images shown at each picture, increasing.
      resolutions: of each picture's stage; what lies before a picture belongs to its stage.
      seconds: from the first picture to the last.
    Returns: float64 [n], increasing from 0 to `seconds`; [0] for one picture.
    """
    shown = np.diff(np.asarray(nimgs, np.float64))
    stages = np.asarray(resolutions)[1:]
    in_stage = np.array([shown[stages == stage].sum() for stage in stages])
    lengths = shown / np.sqrt(in_stage)
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    return times * (seconds / times[-1]) if len(shown) else times


def moment(times: np.ndarray, t: float, fade: float) -> tuple[int, float]:
    """Returns which picture is shown, and how far it has faded into the next one, 0 to 1.

    The next picture fades in during the last `fade` seconds before its time, or during all of
    the time between the two where that is less.

    Args:
      times: from `positions`.
      t: film time.
    """
    k = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 1))
    if k == len(times) - 1:
        return k, 0.0
    length = min(fade, times[k + 1] - times[k])
    return k, float(np.clip((t - times[k + 1]) / length + 1, 0, 1))


class Clock:
    """What a run's ticks say of any number of images shown.

    Args:
      ticks: of the run; may be none.
    """

    def __init__(self, ticks: Sequence[Tick]):
        ticks = sorted(ticks, key=lambda tick: tick.nimg)
        self._nimgs = np.array([0, *(tick.nimg for tick in ticks)], np.float64)
        times = [0.0, *(tick.time for tick in ticks)]
        self._times = np.maximum.accumulate(np.array(times))
        self._resolutions = [tick.resolution for tick in ticks]

    def resolution(self, nimg: float) -> int:
        """Returns the resolution trained at; 0 where nothing is known."""
        if not self._resolutions:
            return 0
        k = int(np.searchsorted(self._nimgs[1:], nimg))
        return self._resolutions[min(k, len(self._resolutions) - 1)]

    def seconds(self, nimg: float) -> float:
        """Returns the seconds of training, in proportion between two ticks."""
        return float(np.interp(nimg, self._nimgs, self._times))

    def caption(self, nimg: float, resolution: int) -> list[str]:
        """Returns a caption's lines: resolution and training time where known, images shown."""
        lines = []
        if self._resolutions:
            lines.append(f"Resolution {resolution} x {resolution}")
            lines.append(f"Training time {progress.duration(self.seconds(nimg))}")
        return [*lines, f"Images shown {int(nimg):,}"]

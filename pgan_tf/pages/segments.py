"""The segments that a run went through, from its schedule and its change log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgan_tf import config as config_module
from pgan_tf import schedule
from pgan_tf.config import Config
from pgan_tf.run import Change, apply_changes


@dataclass(frozen=True)
class RunSegment:
    """A part of a run in which a resolution fades in or is trained (section 3).

    Attributes:
      start, end: kimg.
      resolution: resolution of the networks' images.
      fading: whether the resolution is fading in.
    """

    start: float
    end: float
    resolution: int
    fading: bool

    @property
    def label(self) -> str:
        """The segment's name, such as "8x8" or "8x8 fading in"."""
        return f"{self.resolution}x{self.resolution}" + (" fading in" if self.fading else "")


def run_segments(
    first: Config, changes: Sequence[Change], resolution: int, until: float
) -> list[RunSegment]:
    """Returns the segments from the start to `until` kimg, in order, without gaps.

    Args:
      first: the options that the run began with.
      changes: the run's change log; a change of the schedule applies from its moment on.
      resolution: R, the final resolution.
      until: end in kimg, more than 0.
    """
    changed = sorted({0, *(c.nimg for c in changes if c.nimg / 1000 < until)})
    found: list[RunSegment] = []
    for nimg, end in zip(changed, [*(n / 1000 for n in changed[1:]), until], strict=True):
        config = apply_changes(first, changes, nimg)
        config = config_module.override(config, {"train.total_kimg": until})
        for segment in schedule.segments(config, resolution):
            a, b = max(segment.start_kimg, nimg / 1000), min(segment.end_kimg, end)
            if a >= b:
                continue
            new = RunSegment(a, b, segment.first.resolution, segment.fading)
            last = found[-1] if found else None
            if last and (last.resolution, last.fading) == (new.resolution, new.fading):
                found[-1] = replace(last, end=b)
            else:
                found.append(new)
    return found


def segment_at(kimg: float, segments: Sequence[RunSegment]) -> RunSegment:
    """Returns the segment at a moment; the last segment for moments after its end."""
    return next((segment for segment in segments if kimg < segment.end), segments[-1])


def warped(kimg: float, segments: Sequence[RunSegment]) -> float:
    """Returns warped time, in which each resolution (fading in and training) takes 1."""
    passed, spans = 0.0, []
    for segment in segments:
        if spans and spans[-1][2] == segment.resolution:
            spans[-1][1] = segment.end
        else:
            spans.append([segment.start, segment.end, segment.resolution])
    for start, end, _ in spans:
        share = (kimg - start) / (end - start) if math.isfinite(end) else 0.0
        passed += min(max(share, 0.0), 1.0)
    return passed

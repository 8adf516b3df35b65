"""The stages that a run went through, from its schedule and its change log."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.run import Change, apply_changes
from pgan_tf.schedule import segments


@dataclass(frozen=True)
class Stage:
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
        """The stage's name, such as "8x8" or "8x8 fading in"."""
        return f"{self.resolution}x{self.resolution}" + (" fading in" if self.fading else "")


def stages_of(
    first: Config, changes: Sequence[Change], resolution: int, until: float
) -> list[Stage]:
    """Returns the stages from the start to `until` kimg, in order, without gaps.

    Args:
      first: the options that the run began with.
      changes: the run's change log; a change of the schedule applies from its moment on.
      resolution: R, the final resolution.
      until: end in kimg, more than 0.
    """
    starts = sorted({0.0, *(c.nimg / 1000 for c in changes if c.nimg / 1000 < until)})
    stages: list[Stage] = []
    for start, end in zip(starts, [*starts[1:], until], strict=True):
        config = apply_changes(first, changes, start * 1000)
        config = config_module.override(config, {"train.total_kimg": until})
        for segment in segments(config, resolution):
            a, b = max(segment.start_kimg, start), min(segment.end_kimg, end)
            if a >= b:
                continue
            stage = Stage(a, b, segment.first.resolution, segment.fading)
            last = stages[-1] if stages else None
            if last and (last.resolution, last.fading) == (stage.resolution, stage.fading):
                stages[-1] = replace(last, end=b)
            else:
                stages.append(stage)
    return stages


def stage_at(kimg: float, stages: Sequence[Stage]) -> Stage:
    """Returns the stage at a moment; the last stage for moments after its end."""
    return next((stage for stage in stages if kimg < stage.end), stages[-1])


def warped(kimg: float, stages: Sequence[Stage]) -> float:
    """Returns warped time, in which each resolution (fading in and training) takes 1."""
    passed, spans = 0.0, []
    for stage in stages:
        if spans and spans[-1][2] == stage.resolution:
            spans[-1][1] = stage.end
        else:
            spans.append([stage.start, stage.end, stage.resolution])
    for start, end, _ in spans:
        share = (kimg - start) / (end - start) if math.isfinite(end) else 0.0
        passed += min(max(share, 0.0), 1.0)
    return passed

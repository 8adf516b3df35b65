"""The schedule: images shown -> lod, resolution, minibatch, rates; a pure function (section 3)."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from pgan_tf.config import Config, ScheduleOptions
from pgan_tf.errors import UserError


class Phase(NamedTuple):
    """The values of the schedule at one moment of the training.

    Attributes:
      nimg: images shown to the discriminator so far.
      lod: level of detail, 0.0 (full resolution) upwards.
      resolution: current resolution of the networks and the reals, R / 2^floor(lod).
      minibatch: images per iteration, over all replicas.
      G_lrate, D_lrate: learning rates.
      tick_kimg: length of a tick, thousands of images between two reports.
    """

    nimg: int
    lod: float
    resolution: int
    minibatch: int
    G_lrate: float
    D_lrate: float
    tick_kimg: float

    @property
    def level(self) -> int:
        """floor(lod)"""
        return int(self.lod)

    @property
    def fade(self) -> float:
        """lod - floor(lod): the weight of the coarser of the two paths; 0 if there is one path."""
        return self.lod - int(self.lod)


def phase_at(options: ScheduleOptions, nimg: int, resolution: int, replicas: int = 1) -> Phase:
    """Returns the phase of a training after `nimg` images.

    Args:
      options: the schedule.
      nimg: images shown to the discriminator.
      resolution: R, the final resolution, a power of two, at least 4.
      replicas: number of replicas; the minibatch is rounded down to a multiple of it.
    """
    kimg = nimg / 1000.0
    train, fade = options.lod_training_kimg, options.lod_transition_kimg
    cycle = train + fade
    passed = math.floor(kimg / cycle) if cycle > 0 else 0
    lod = float(initial_lod(options, resolution) - passed)
    if fade > 0:
        lod -= max(kimg - passed * cycle - train, 0.0) / fade
    lod = max(lod, 0.0)
    current = resolution // 2 ** int(lod)

    minibatch = options.minibatch_dict.get(current, options.minibatch_base)
    minibatch -= minibatch % replicas
    if current in options.max_minibatch_per_gpu:
        minibatch = min(minibatch, options.max_minibatch_per_gpu[current] * replicas)

    ramp = 1.0
    if kimg < options.rampup_kimg:
        ramp = math.exp(-5.0 * (1.0 - kimg / options.rampup_kimg) ** 2)
    return Phase(
        nimg=nimg,
        lod=lod,
        resolution=current,
        minibatch=minibatch,
        G_lrate=ramp * options.G_lrate_dict.get(current, options.G_lrate_base),
        D_lrate=ramp * options.D_lrate_dict.get(current, options.D_lrate_base),
        tick_kimg=options.tick_kimg_dict.get(current, options.tick_kimg_base),
    )


def initial_lod(options: ScheduleOptions, resolution: int) -> int:
    """Returns the lod at the start; `lod_initial_resolution` 0 means R, no growing."""
    start = options.lod_initial_resolution or resolution
    return int(math.log2(resolution)) - int(math.log2(start))


class Segment(NamedTuple):
    """A part of the schedule: a fade to a resolution, or the training at it.

    Attributes:
      first: the phase at its start.
      start_kimg, end_kimg: its limits, in thousands of images shown.
      fading: True for a fade.
    """

    first: Phase
    start_kimg: float
    end_kimg: float
    fading: bool


def segments(config: Config, resolution: int, replicas: int = 1) -> Iterator[Segment]:
    """Yields the run's segments in order; the last one ends at `train.total_kimg`."""
    options, total = config.schedule, config.train.total_kimg
    lod, kimg = initial_lod(options, resolution), 0.0
    lengths = [(False, options.lod_training_kimg), (True, options.lod_transition_kimg)] * lod
    lengths.append((False, math.inf))
    for fading, length in lengths:
        end = min(kimg + length, total)
        if end > kimg:
            # A fade starts from lod k exactly, so its first phase is one image later.
            first = phase_at(options, int(kimg * 1000) + fading, resolution, replicas)
            yield Segment(first, kimg, end, fading)
        kimg = end


def check(config: Config, resolution: int, replicas: int) -> None:
    """Checks, before any work, that the schedule can be run.

    Raises: UserError that names the resolution, the minibatch and the option to change.
    """
    options = config.schedule
    start = options.lod_initial_resolution
    if start and (start < 4 or start & (start - 1) or start > resolution):
        raise UserError(
            f"schedule.lod_initial_resolution={start}: a power of two from 4 to the data set's"
            f" {resolution} is needed"
        )
    if (
        options.lod_training_kimg + options.lod_transition_kimg <= 0
        and initial_lod(options, resolution) > 0
    ):
        raise UserError(
            "schedule.lod_training_kimg and lod_transition_kimg are both 0: the networks would"
            " never grow; set schedule.lod_initial_resolution=0 to train without growing"
        )
    group = max(config.D.mbstd_group_size, 1)
    starts = [segment.first for segment in segments(config, resolution, replicas)]
    for phase in [phase_at(options, 0, resolution, replicas), *starts]:
        where = f"at {phase.resolution}x{phase.resolution} the minibatch"
        option = (
            f"schedule.minibatch_dict={phase.resolution}:N"
            if phase.resolution in options.minibatch_dict
            else "schedule.minibatch_base"
        )
        if phase.minibatch < replicas:
            asked = options.minibatch_dict.get(phase.resolution, options.minibatch_base)
            raise UserError(
                f"{where} of {asked} can't be split over {replicas} replicas; set {option}"
                " higher or train.gpus lower"
            )
        share = phase.minibatch // replicas
        if share % min(group, share):
            raise UserError(
                f"{where} per replica is {share}, not a multiple of D.mbstd_group_size={group};"
                f" set {option} or D.mbstd_group_size"
            )

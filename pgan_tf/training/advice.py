"""What a training says first, and what it advises when it can't go on: whole commands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgan_tf.config import Config
from pgan_tf.progress import duration
from pgan_tf.run import Run
from pgan_tf.schedule import Phase
from pgan_tf.training.identity import resume_command

if TYPE_CHECKING:
    from pgan_tf.training.loop import _Training

_LONG_ON_A_CPU = 2000  # kimg
_CPU_RATE = 7e10  # products and sums a second of narrow networks on two cores, for a first estimate


def first_lines(training: "_Training", nimg: int) -> Iterator[str]:
    """Yields what is trained on what, where, and about how long it will take."""
    t, config = training, training.config
    yield f"{'Continuing' if nimg else 'Training'} in {t.directory.path} on {t.runtime}"
    use = ""
    if t.facts.label_size:
        use = ", used" if config.data.labels else ", not used (data.labels=false)"
        if t.facts.empty_classes:
            use += f", {len(t.facts.empty_classes)} without any image, which are never drawn"
    yield f"data set   {t.facts.path}: {t.facts}{use}"
    yield (
        f"networks   {config.networks}, {t.resolution}x{t.resolution}:"
        f" G {t.G.count_params():,} parameters, D {t.D.count_params():,}"
    )
    phase = t._phase()
    total = config.train.total_kimg
    yield (
        f"schedule   from {nimg / 1000:g} to {total:g} kimg, now {phase.resolution}x"
        f"{phase.resolution} with minibatch {phase.minibatch}, {config.train.precision}"
    )
    if t.runtime.kind == "CPU":
        left = sum(
            (segment.end_kimg - max(segment.start_kimg, nimg / 1000))
            * 1000
            * t.left.cost(segment.first.resolution)
            for segment in t.left.segments
            if segment.end_kimg > nimg / 1000
        )
        yield (
            f"time       about {duration(left / _CPU_RATE)} on two CPU cores, and what compiling"
            " takes; each tick says more"
        )
        if total >= _LONG_ON_A_CPU and not nimg:
            yield (
                "No GPU here: on a CPU a schedule of this length takes months; --config openmoji"
                " --data-dir DIR has one that takes minutes"
            )


def longer(run: Run, config: Config, nimg: int) -> str:
    """Returns the command that makes a finished run half as long again.

    Args:
      nimg: images shown; it may be more than the run's length, by a minibatch.
    """
    kimg = max(config.train.total_kimg, nimg / 1000)
    return resume_command(run, {"train.total_kimg": round(kimg * 1.5, 3)})


def stopped(run: Run, nimg: int) -> str:
    """Returns the line after Ctrl-C.

    Args:
      run: that was stopped.
      nimg: images shown when it was saved last.
    """
    if not nimg:
        return "stopped before the first step; the same command begins again"
    return (
        f"stopped at {nimg / 1000:.1f} kimg, saved in {run.path};"
        f" the same command continues, as does {resume_command(run)}"
    )


def out_of_memory(run: Run, config: Config, phase: Phase, replicas: int, saved_nimg: int) -> str:
    """Returns what to do when a minibatch didn't fit into memory."""
    share = phase.minibatch // replicas
    start = (
        f"out of memory at {phase.resolution}x{phase.resolution} with a minibatch of {share} per"
        " replica"
    )
    group = max(config.D.mbstd_group_size, 1)
    smaller = share // 2
    if smaller > group:
        smaller -= smaller % group
    if smaller < 1:
        changes = {"train.precision": "fp16"}
        if config.train.precision == "fp16":
            return f"{start}, the smallest: these networks need a GPU with more memory"
    else:
        caps = dict(config.schedule.max_minibatch_per_gpu)
        changes = {"schedule.max_minibatch_per_gpu": {**caps, phase.resolution: smaller}}
    return f"{start}; {_from_save(saved_nimg)}: {resume_command(run, changes)}"


def diverged(
    run: Run, config: Config, phase: Phase, nimg: int, skipped: float, saved_nimg: int
) -> str:
    """Returns what to do when gradients stay infinite: half the learning rates."""
    changes = {}
    for network, rate in (("G", phase.G_lrate), ("D", phase.D_lrate)):
        by_resolution = getattr(config.schedule, f"{network}_lrate_dict")
        if phase.resolution in by_resolution:
            lower = {**by_resolution, phase.resolution: by_resolution[phase.resolution] / 2}
            changes[f"schedule.{network}_lrate_dict"] = lower
        elif rate:
            base = getattr(config.schedule, f"{network}_lrate_base")
            changes[f"schedule.{network}_lrate_base"] = base / 2
    return (
        f"diverged at {nimg / 1000:.1f} kimg: {skipped:.0f} updates in a row had gradients that"
        f" are not finite; to go on with half the learning rates {_from_save(saved_nimg)}:"
        f" {resume_command(run, changes)}"
    )


def _from_save(saved_nimg: int) -> str:
    return f"from the last save, {saved_nimg / 1000:.1f} kimg" if saved_nimg else "from the start"

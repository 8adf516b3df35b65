"""The commands that a training advises when it stops or can't go on."""

from pgan_tf.config import Config
from pgan_tf.run import Run
from pgan_tf.schedule import Phase
from pgan_tf.training.identity import resume_command


def longer(run: Run, config: Config, nimg: int) -> str:
    """Returns the command that trains a finished run for half its length more.

    Args:
      run: the finished run.
      config: its options.
      nimg: images shown; up to a minibatch more than the run's length.
    """
    kimg = max(config.train.total_kimg, nimg / 1000)
    return resume_command(run, {"train.total_kimg": round(kimg * 1.5, 3)})


def stopped(run: Run, nimg: int, is_found_again: bool) -> str:
    """Returns the line that is printed after Ctrl-C.

    Args:
      run: the run that was stopped.
      nimg: images shown at the last save.
      is_found_again: whether the same command continues the run; with --new it begins another.
    """
    if not nimg:
        return "stopped before the first step; the same command begins again"
    start = f"stopped at {nimg / 1000:.1f} kimg, saved in {run.path};"
    if is_found_again:
        return f"{start} the same command continues, as does {resume_command(run)}"
    return f"{start} to continue: {resume_command(run)}"


def out_of_memory(run: Run, config: Config, phase: Phase, replicas: int, saved_nimg: int) -> str:
    """Returns the message for a minibatch that didn't fit into memory.

    It names the command that continues with half of it, or in float16 where it can't be halved.

    Args:
      run: the run that stopped.
      config: its options.
      phase: where the schedule stood.
      replicas: number of devices that share the minibatch.
      saved_nimg: images shown at the last save; 0 before any.
    """
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
    return (
        f"{start}; {_from_save(saved_nimg)}:"
        f" {resume_command(run, changes, from_start=not saved_nimg)}"
    )


def diverged(
    run: Run, config: Config, phase: Phase, nimg: int, skipped: float, saved_nimg: int
) -> str:
    """Returns the message for gradients that stay infinite.

    It names the command that continues with half the learning rates.

    Args:
      run: the run that stopped.
      config: its options.
      phase: where the schedule stood.
      nimg: images shown.
      skipped: updates in a row that were skipped.
      saved_nimg: images shown at the last save; 0 before any.
    """
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
        f" are not finite; to continue with half the learning rates {_from_save(saved_nimg)}:"
        f" {resume_command(run, changes, from_start=not saved_nimg)}"
    )


def _from_save(saved_nimg: int) -> str:
    """Returns where a run goes back to."""
    return f"from the last save, {saved_nimg / 1000:.1f} kimg" if saved_nimg else "from the start"

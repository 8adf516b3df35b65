"""The lines that a training prints first: what is trained, on what, and for how long."""

from collections.abc import Iterator

from pgan_tf.config import Config
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.progress import duration
from pgan_tf.run import DatasetFacts, Run
from pgan_tf.runtime import Runtime
from pgan_tf.schedule import Phase
from pgan_tf.training.pacing import TimeLeft

_LONG_ON_A_CPU = 2000  # kimg
_CPU_RATE = 7e10  # operations a second of narrow networks on two cores, for a first estimate


def first_lines(
    run: Run,
    config: Config,
    runtime: Runtime,
    facts: DatasetFacts,
    G: Generator,
    D: Discriminator,
    phase: Phase,
    left: TimeLeft,
    nimg: int,
) -> Iterator[str]:
    """Yields lines on what is trained, on which data, where, and about how long it will take.

    Args:
      run: the run that is trained.
      config: the options in force.
      runtime: the devices.
      facts: what identifies the data set.
      G, D: the networks.
      phase: where the schedule stands.
      left: knows the arithmetic that is left.
      nimg: images shown so far.
    """
    yield f"{'Continuing' if nimg else 'Training'} in {run.path} on {runtime}"
    use = ""
    if facts.label_size:
        use = ", used" if config.data.labels else ", not used (data.labels=false)"
        if facts.empty_classes:
            use += f", {len(facts.empty_classes)} without any image, which are never drawn"
    yield f"data set   {facts.path}: {facts}{use}"
    yield (
        f"networks   {config.networks}, {G.resolution}x{G.resolution}:"
        f" G {G.count_params():,} parameters, D {D.count_params():,}"
    )
    total = config.train.total_kimg
    yield (
        f"schedule   from {nimg / 1000:g} to {total:g} kimg, now {phase.resolution}x"
        f"{phase.resolution} with minibatch {phase.minibatch}, {config.train.precision}"
    )
    if runtime.kind == "CPU":
        seconds = left.operations(nimg / 1000) / _CPU_RATE
        yield (
            f"time       about {duration(seconds)} on two CPU cores, plus compiling; each tick"
            " prints a better estimate"
        )
        if total >= _LONG_ON_A_CPU and not nimg:
            yield (
                "There is no GPU here: on a CPU a schedule of this length takes months; --config"
                " openmoji --data-dir DIR has one that takes minutes"
            )

"""Command line: trains a growing GAN."""

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # `python pgan_tf/train.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

import configs
from pgan_tf import cli, devices, presets, schedule
from pgan_tf.config import FEATURES, Config, parse_assignments
from pgan_tf.config.text import dry_run_lines, help_lines
from pgan_tf.data import storage
from pgan_tf.errors import UserError
from pgan_tf.run import Run

if TYPE_CHECKING:
    from pgan_tf.training.callbacks import Callback

COMMAND = "python -m pgan_tf.train"
EXAMPLES = """\
  python -m pgan_tf.train --config openmoji
  python -m pgan_tf.train --config celebahq --dry-run
  python -m pgan_tf.train --config celebahq --preset v2-8gpus --precision fp16
  python -m pgan_tf.train --config lsun-cat --set train.total_kimg=500 --set G.fmap_base=4096
  python -m pgan_tf.train --config cifar10 --without growing --without wscale
  python -m pgan_tf.train --data-dir datasets/mine --set data.mirror=true
  python -m pgan_tf.train --resume results/000-openmoji-fp32 --set train.total_kimg=300
  python -m pgan_tf.train --data-dir datasets/mine --init results/003-celeba-v2-1gpu-fp32
  python -m pgan_tf.train --help-options minibatch

The same command again continues the run from its last save.
"""


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.train",
        description="Trains a growing GAN, or continues a training.",
        examples=EXAMPLES,
    )
    names = dict.fromkeys(re.sub("^lsun-.*", "lsun-CATEGORY", name) for name in configs.DATA)
    p.add_argument(
        "--config", metavar="NAME",
        help=f"what to train: {', '.join(names)} (--list describes them)",
    )  # fmt: skip
    p.add_argument("--data-dir", metavar="DIR", help="the data set (default: the config's)")
    p.add_argument(
        "--preset", metavar="NAME",
        help=f"minibatches and rates for a number of GPUs: {', '.join(configs.HARDWARE)}"
        " (default: the largest v2 preset for this machine's number of GPUs)",
    )  # fmt: skip
    p.add_argument(
        "--precision", metavar="TYPE", help=f"{', '.join(configs.PRECISION)} (default: fp32)"
    )
    p.add_argument(
        "--without", metavar="FEATURE", action="append", default=[],
        help=f"turn a feature off: {', '.join(FEATURES)}; may be repeated (default: none)",
    )  # fmt: skip
    p.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], dest="assignments",
        help="set any option that --help-options lists; may be repeated (default: none)",
    )  # fmt: skip
    cli.add_results(p)
    p.add_argument("--new", action="store_true", help="start a new run instead of continuing one")
    p.add_argument(
        "--resume", metavar="RUN",
        help="continue this run; other options given here change it from its last save on",
    )  # fmt: skip
    p.add_argument(
        "--from-start", action="store_true",
        help="with --resume: begin a run that has no save again from 0 images",
    )  # fmt: skip
    p.add_argument(
        "--init", metavar="SNAPSHOT",
        help="start a new run from the networks of a snapshot, on the same or other images",
    )  # fmt: skip
    p.add_argument(
        "--dry-run", action="store_true",
        help="print options, data set, schedule and networks, and exit",
    )  # fmt: skip
    p.add_argument("--list", action="store_true", help="describe all presets and exit")
    p.add_argument(
        "--help-options", metavar="WORD", nargs="?", const="",
        help="describe all options, or those about WORD, with defaults and ranges, and exit",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and trains."""
    args = parser().parse_args(argv)
    if args.list:
        print(presets.describe_presets())
        return
    if args.help_options is not None:
        for line in help_lines(args.help_options):
            print(line)
        return
    if args.new and args.resume:
        raise UserError("--new starts a run and --resume continues one; give only one of them")
    if args.from_start and not args.resume:
        raise UserError("--from-start begins a run again: name the run with --resume RUN")
    devices.load_tensorflow()
    command = _without_data(sys.argv[1:] if argv is None else argv)
    run = Run.open(args.resume) if args.resume else None
    config = resolve(args, run)
    if args.dry_run:
        for line in describe(config, planned_gpus(args.preset), command):
            print(line)
        return
    from pgan_tf.training.loop import Interrupted

    try:
        train(
            config, args.results, args.new, args.resume, command=command,
            from_start=args.from_start,
        )  # fmt: skip
    except Interrupted as stop:
        print(stop)
        raise SystemExit(130) from None


def train(
    config: Config,
    results: str | os.PathLike = "results",
    new: bool = False,
    resume: str | os.PathLike | None = None,
    callbacks: Sequence["Callback"] = (),
    command: str = COMMAND,
    from_start: bool = False,
) -> Path:
    """Trains a run, and measures the metrics of `train.metrics`.

    Arguments and errors are those of `pgan_tf.training.loop.train`.

    Returns: the run's directory.
    """
    from metrics.during_training import MetricsCallback
    from pgan_tf.training import loop

    callbacks = (MetricsCallback(), *callbacks)
    return loop.train(config, results, new, resume, callbacks, command, from_start)


def _without_data(argv: Sequence[str]) -> str:
    """Returns the typed command line without --data-dir; error messages print it with one added."""
    kept, skip = [], False
    for word in argv:
        if not skip and word != "--data-dir" and not word.startswith("--data-dir="):
            kept.append(word)
        skip = word == "--data-dir"
    return " ".join([COMMAND, *map(shlex.quote, kept)])


def resolve(args, run: Run | None = None) -> Config:
    """Returns the options that a command line asks for.

    Args:
      args: the parsed command line.
      run: the run to continue, whose options the command line changes; None for a new run.
    Raises: UserError for an unknown name, suggesting the nearest.
    """
    options = parse_assignments(args.assignments)
    if args.init:
        options = {"train.init": args.init, **options}
    names = {
        "data_dir": args.data_dir or "",
        "preset": args.preset or "",
        "precision": args.precision or "",
        "without": args.without,
    }
    if run is not None:
        return presets.compose_over(run.config, args.config or "", **names, options=options)
    return presets.compose(args.config or "", **names, options=options, gpus=_gpus_here())


def planned_gpus(preset: str | None) -> int:
    """Returns the number of GPUs that a hardware preset is for; 0 without a preset."""
    if not preset:
        return 0
    return presets.options_of(presets.look_up("--preset", preset))["train.gpus"]


def _gpus_here() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def describe(config: Config, gpus: int = 0, command: str = COMMAND) -> Iterator[str]:
    """Yields the lines of --dry-run: options, data set, schedule and networks of a run.

    Args:
      config: all options.
      gpus: number of GPUs to plan for if `train.gpus` is 0; 0: those of this machine.
      command: the command line without its data set; error messages print it with one added.
    Raises: UserError for a schedule or a data set that can't be trained with, and for options that
      make no network.
    """
    from metrics.during_training import check_names
    from pgan_tf.data.labels import describe as describe_labels
    from pgan_tf.data.opening import open_dataset
    from pgan_tf.losses import make_loss
    from pgan_tf.runtime import Runtime
    from pgan_tf.training.setup import build_networks

    gpus = config.train.gpus or gpus
    replicas, elsewhere = gpus, " of another machine; this one has fewer"
    with contextlib.suppress(UserError):
        replicas, elsewhere = Runtime.start(gpus).replicas, ""
    yield from dry_run_lines(config)

    yield "\nData set:"
    resolution, channels, labels = config.data.resolution or 1024, 3, 0
    try:
        dataset = open_dataset(config.data, command)
    except UserError as problem:
        if config.data.synthetic or storage.exists(config.data.path):
            raise  # the data set exists, but it can't be used
        yield f"  {problem}"
        yield f"  the lines below assume RGB images of {resolution}x{resolution}"
    else:
        resolution = config.data.resolution or dataset.resolution
        channels = dataset.num_channels
        labels = dataset.label_size if config.data.labels else 0
        levels = ", ".join(f"{r}x{r}" for r in dataset.levels)
        where = config.data.path or dataset.name
        yield f"  {where}: {dataset.num_images} images, {channels} channel(s), {levels}"
        if dataset.labels is not None:
            unused = "" if config.data.labels else " (not used: data.labels=false)"
            yield f"  labels: {describe_labels(dataset)}{unused}"

    make_loss(config.loss)
    if config.train.metrics or config.train.best_metric:
        check_names(config.train, resolution)

    yield f"\nSchedule on {replicas} replica(s){elsewhere}:"
    schedule.check(config, resolution, replicas)
    yield "  segment          kimg             minibatch  per replica  G rate   D rate"
    for segment in schedule.segments(config, resolution, replicas):
        p = segment.first
        name = f"{p.resolution}x{p.resolution} {'fade' if segment.fading else 'train'}"
        span = f"{segment.start_kimg:g} to {segment.end_kimg:g}"
        yield (
            f"  {name:<16} {span:<16} {p.minibatch:<10d} {p.minibatch // replicas:<12d}"
            f" {p.G_lrate:<8g} {p.D_lrate:g}"
        )
    yield "\nNetworks:"
    for network in build_networks(config, resolution, channels, labels)[:2]:
        yield f"  {network.name}: {network.count_params():,} parameters"


if __name__ == "__main__":
    cli.run(main)

"""Command line: trains a growing GAN."""

import contextlib
import re
from collections.abc import Iterator, Sequence

import configs
from pgan_tf import cli, devices, schedule
from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.data import storage
from pgan_tf.errors import UserError, nearest

EXAMPLES = """\
  python -m pgan_tf.train --config openmoji
  python -m pgan_tf.train --config celebahq --dry-run
  python -m pgan_tf.train --config celebahq --preset v2-8gpus --precision fp16
  python -m pgan_tf.train --config lsun-cat --set train.total_kimg=500 --set G.fmap_base=4096
  python -m pgan_tf.train --config cifar10 --without growing --without wscale
  python -m pgan_tf.train --data-dir datasets/mine --set data.mirror=true

The same command again continues the run where it was saved last.
"""


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.train",
        description="Trains a growing GAN, or continues a training.",
        examples=EXAMPLES,
    )
    p.add_argument(
        "--config", metavar="NAME",
        help="what to train: celebahq, celeba, lsun-CATEGORY, cifar10, cifar100, svhn, mnist,"
        " mnistrgb, openmoji, openmoji-large, syn1024rgb (--list describes them)",
    )  # fmt: skip
    p.add_argument("--data-dir", metavar="DIR", help="the data set, if not the config's own")
    p.add_argument(
        "--preset", metavar="NAME",
        help="schedule for a number of GPUs: v1-1gpu, v2-1gpu, v2-2gpus, v2-4gpus, v2-8gpus"
        " (default: the largest v2 preset that the machine's GPUs are enough for)",
    )  # fmt: skip
    p.add_argument("--precision", metavar="TYPE", default="fp32", help="fp32, tf32, fp16 or bf16")
    p.add_argument(
        "--without", metavar="FEATURE", action="append", default=[],
        help=f"turn a feature off: {', '.join(config_module.FEATURES)}; may be repeated",
    )  # fmt: skip
    p.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], dest="assignments",
        help="override any option that --dry-run prints; may be repeated",
    )  # fmt: skip
    p.add_argument("--results", metavar="DIR", default="results", help="where runs are kept")
    p.add_argument("--new", action="store_true", help="start a new run instead of continuing one")
    p.add_argument(
        "--dry-run", action="store_true",
        help="print options, schedule, networks and data set, and exit",
    )  # fmt: skip
    p.add_argument("--list", action="store_true", help="describe all presets and exit")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and trains."""
    args = parser().parse_args(argv)
    if args.list:
        print(describe_presets())
        return
    devices.load_tensorflow()
    config = resolve(args)
    if args.dry_run:
        named = configs.HARDWARE[args.preset].options["train.gpus"] if args.preset else 0
        for line in describe(config, named):
            print(line)
        return
    from pgan_tf.training.loop import Interrupted, train

    try:
        train(config, args.results, args.new)
    except Interrupted as stop:
        print(stop)
        raise SystemExit(130) from None


def resolve(args) -> Config:
    """Returns the options that a parsed command line stands for.

    Raises: UserError for unknown names, naming the nearest.
    """
    if not args.config and not args.data_dir:
        raise UserError("say what to train: --config NAME (see --list) or --data-dir DIR")
    data = _lookup("--config", args.config, configs.DATA).options if args.config else {}
    if args.data_dir:
        name = re.sub(r"[^\w.-]+", "_", storage.split(args.data_dir)[1]).lstrip(".-")[:80]
        data = {**data, "name": name or "custom", **config_module.own_images(args.data_dir)}
    assignments = config_module.parse_assignments(args.assignments)
    own_schedule = "schedule.lod_training_kimg" in data
    if args.preset and own_schedule:
        raise UserError(
            f"--preset {args.preset}: the config {args.config} has a schedule of its own; leave"
            " --preset out, and change it with --set"
        )
    asked = config_module.override(Config(), assignments).train.gpus
    # A config with a schedule of its own is for one GPU, whatever the machine has.
    gpus = min(_gpus_here(), 1) if own_schedule else asked or _gpus_here()
    hardware = _lookup("--preset", args.preset or _preset_for(gpus), configs.HARDWARE)
    if _gpus_here() and not asked:  # a schedule for two GPUs runs on two of three
        data = {**data, "train.gpus": hardware.options["train.gpus"]}
    precision = _lookup("--precision", args.precision, configs.PRECISION)
    config = config_module.resolve(
        {**hardware.options, "train.gpus": 0},
        precision.options,
        data,
        assignments,
        without=args.without,
    )
    if "name" not in assignments:
        parts = [config.name, *([] if own_schedule else [hardware.name]), config.train.precision]
        parts += [f"no-{feature}" for feature in args.without]
        config = config_module.override(config, {"name": "-".join(parts)})
    return config


def _lookup(option: str, name: str, presets: dict):
    if name not in presets:
        raise UserError(f"{option} {name}: there is none of that name{nearest(name, presets)}")
    return presets[name]


def _gpus_here() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def _preset_for(gpus: int) -> str:
    """Returns the name of the largest v2 preset that so many GPUs are enough for."""
    sizes = {8: "v2-8gpus", 4: "v2-4gpus", 2: "v2-2gpus", 1: "v2-1gpu", 0: "v2-1gpu"}
    return next(name for size, name in sizes.items() if gpus >= size)


def describe_presets() -> str:
    """Returns the documentation of all presets."""
    lines = []
    for option, presets in (
        ("--config", configs.DATA), ("--preset", configs.HARDWARE),
        ("--precision", configs.PRECISION),
    ):  # fmt: skip
        by_text: dict[str, list[str]] = {}
        for preset in presets.values():
            by_text.setdefault(" ".join(preset.doc.split()), []).append(preset.name)
        for text, names in by_text.items():
            lines.append(f"{option} {', '.join(names)}\n    {text}")
    return "\n".join(lines)


def describe(config: Config, gpus: int = 0) -> Iterator[str]:
    """Yields lines that say what a run of these options would do: for --dry-run.

    Args:
      config: all options.
      gpus: to plan for, here or on another machine, if `train.gpus` says nothing; 0: what this
        one has.
    Raises: UserError for a schedule that can't be run, and for options that make no network.
    """
    from pgan_tf.devices import make_strategy
    from pgan_tf.training.setup import build_networks, open_dataset

    gpus = config.train.gpus or gpus
    replicas, elsewhere = gpus, " of another machine; this one has fewer"
    with contextlib.suppress(UserError):
        replicas, elsewhere = make_strategy(gpus).num_replicas_in_sync, ""
    yield "Options:"
    for name, value in config_module.flatten(config).items():
        if isinstance(value, dict):
            value = ",".join(f"{k}:{v:g}" for k, v in value.items()) or "{}"
        yield f"  {name}={value}"

    yield "\nData set:"
    resolution, channels, labels = config.data.resolution or 1024, 3, 0
    try:
        dataset = open_dataset(config)
    except UserError as problem:
        if config.data.synthetic or storage.is_dir(config.data.path):
            raise  # it can't be trained with
        yield f"  {problem}"
        yield f"  what follows supposes RGB images of {resolution}x{resolution}"
    else:
        resolution = config.data.resolution or dataset.resolution
        channels = dataset.num_channels
        labels = dataset.label_size if config.data.labels else 0
        levels = ", ".join(f"{r}x{r}" for r in dataset.levels)
        where = config.data.path or dataset.name
        yield f"  {where}: {dataset.num_images} images, {channels} channel(s), {levels}"
        if dataset.labels is not None:
            counts = dataset.labels.sum(axis=0)
            yield (
                f"  labels: {dataset.label_size} classes of {counts.min():.0f} to"
                f" {counts.max():.0f} images"
                + ("" if config.data.labels else " (not used: data.labels=false)")
            )

    yield f"\nSchedule on {replicas} replica(s){elsewhere}:"
    schedule.check(config, resolution, replicas)
    yield "  stage            kimg             minibatch  per replica  G rate   D rate"
    for stage in schedule.stages(config, resolution, replicas):
        p = stage.first
        name = f"{p.resolution}x{p.resolution} {'fade' if stage.fading else 'train'}"
        span = f"{stage.start_kimg:g} to {stage.end_kimg:g}"
        yield (
            f"  {name:<16} {span:<16} {p.minibatch:<10d} {p.minibatch // replicas:<12d}"
            f" {p.G_lrate:<8g} {p.D_lrate:g}"
        )
    yield "\nNetworks:"
    for network in build_networks(config, resolution, channels, labels)[:2]:
        yield f"  {network.name}: {network.count_params():,} parameters"


if __name__ == "__main__":
    cli.run(main)

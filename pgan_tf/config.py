"""Options of a training run: typed, frozen, overridden by dotted names, saved as JSON.

A `Config` holds everything that decides what a run computes. Presets (the package `configs`)
are named sets of overrides of its defaults; the defaults are those of the official TensorFlow
version (spec sections 1 to 3).
"""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pgan_tf.errors import UserError, nearest


@dataclass(frozen=True)
class DataOptions:
    """What to train on, and how reals are processed.

    Attributes:
      path: the data set's directory; its name is the name of the files in it.
      command: the command that makes the data set, for the message when it is missing.
      resolution: final resolution of the networks; 0 takes the data set's own.
      mirror: flip each real horizontally with probability 1/2.
      labels: condition the networks on the data set's labels.
      verify: checksums of the records: "auto" (all before training when the levels are small,
        else each as it is read), "full" or "off".
      synthetic: "" or "resolution x channels" (`1024x3`): black images in memory instead of
        files, for benchmarks.
    """

    path: str = ""
    command: str = "python dataset_tool.py create_from_images"
    resolution: int = 0
    mirror: bool = False
    labels: bool = False
    verify: str = "auto"
    synthetic: str = ""


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator (spec section 1). Field names are the official program's."""

    fmap_base: int = 8192
    fmap_decay: float = 1.0
    fmap_max: int = 512
    latent_size: int | None = None  # None: as many as feature maps at the start, nf(0)
    normalize_latents: bool = True
    use_wscale: bool = True
    use_pixelnorm: bool = True
    pixelnorm_epsilon: float = 1e-8
    use_leakyrelu: bool = True
    fused_scale: bool = True


@dataclass(frozen=True)
class DiscriminatorOptions:
    """The discriminator (spec section 1). Field names are the official program's."""

    fmap_base: int = 8192
    fmap_decay: float = 1.0
    fmap_max: int = 512
    use_wscale: bool = True
    mbstd_group_size: int = 4  # 0 or 1: no minibatch stddev
    fused_scale: bool = True


@dataclass(frozen=True)
class LossOptions:
    """WGAN-GP with drift and AC-GAN label terms (spec section 2)."""

    wgan_lambda: float = 10.0
    wgan_target: float = 1.0
    wgan_epsilon: float = 0.001
    cond_weight: float = 1.0


@dataclass(frozen=True)
class OptimizerOptions:
    """Adam, for G and for D alike (spec section 3)."""

    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8


@dataclass(frozen=True)
class ScheduleOptions:
    """Images shown -> lod, minibatch, rates, tick length (spec section 3).

    The `*_dict` fields map a resolution to the value that replaces the base there.
    """

    lod_initial_resolution: int = 4
    lod_training_kimg: float = 600.0
    lod_transition_kimg: float = 600.0
    minibatch_base: int = 16
    minibatch_dict: Mapping[int, int] = field(default_factory=dict)
    max_minibatch_per_gpu: Mapping[int, int] = field(default_factory=dict)
    G_lrate_base: float = 0.001
    G_lrate_dict: Mapping[int, float] = field(default_factory=dict)
    D_lrate_base: float = 0.001
    D_lrate_dict: Mapping[int, float] = field(default_factory=dict)
    rampup_kimg: float = 0.0  # Theano version: rates times exp(-5 (1 - kimg/rampup)^2) before it
    tick_kimg_base: float = 160.0
    tick_kimg_dict: Mapping[int, float] = field(
        default_factory=lambda: {
            4: 160, 8: 140, 16: 120, 32: 100, 64: 80, 128: 60, 256: 40, 512: 20, 1024: 10,
        }
    )  # fmt: skip


@dataclass(frozen=True)
class TrainOptions:
    """The loop.

    Attributes:
      total_kimg: length of the run, in thousands of images shown to the discriminator.
      seed: of initial weights, latents, mixing factors, mirroring and data order.
      minibatch_repeats: iterations between two looks at the schedule.
      D_repeats: discriminator steps per generator step.
      smoothing: decay of Gs, the moving average of G, per iteration; 0 turns it off.
      smoothing_half_life_kimg: if neither is 0, the decay follows from the minibatch instead:
        0.5 ** (minibatch / 1000 / half life).
      reset_optimizer: forget Adam's state when a fade starts or ends.
      precision: fp32; tf32 (fp32 whose products are TF32 on GPUs that have it); fp16 (mixed,
        dynamic loss scaling); or bf16 (mixed).
      xla: compile the step with XLA.
      gpus: number of replicas; 0 takes every GPU of the machine, or the CPU where none is.
      image_grid: pixels of the grids: 1080p or 4k.
      image_layout: random, or row_per_class.
      image_snapshot_ticks, network_snapshot_ticks: ticks between two of them; 0: only at the
        end.
      keep_snapshots: how many of the newest snapshots to keep, two at least, besides the best; 0
        keeps all.
      metrics: what to measure while training, such as `swd,msssim`; empty for nothing.
      metric_ticks: ticks between two measurements.
      metric_images: images that each measurement takes.
      best_metric: the value, such as `SWDx1e3_avg` or `MS-SSIM`, by which the best snapshot is
        saved, marked in `best-snapshot.json` and kept; empty for none.
      inception: file of the Inception network's weights, for fid, is and kid; empty for the one
        in the cache directory, or a download.
      max_skipped: stop as diverged after so many skipped updates in a row.
    """

    total_kimg: float = 12000.0
    seed: int = 1000
    minibatch_repeats: int = 4
    D_repeats: int = 1
    smoothing: float = 0.999
    smoothing_half_life_kimg: float = 0.0
    reset_optimizer: bool = True
    precision: str = "fp32"
    xla: bool = True
    gpus: int = 0
    image_grid: str = "1080p"
    image_layout: str = "random"
    image_snapshot_ticks: int = 1
    network_snapshot_ticks: int = 10
    keep_snapshots: int = 0
    metrics: str = ""
    metric_ticks: int = 10
    metric_images: int = 2048
    best_metric: str = ""
    inception: str = ""
    max_skipped: int = 100


@dataclass(frozen=True)
class Config:
    """All options of a run.

    `name` becomes part of the run's directory name.
    """

    name: str = "custom"
    data: DataOptions = field(default_factory=DataOptions)
    G: GeneratorOptions = field(default_factory=GeneratorOptions)
    D: DiscriminatorOptions = field(default_factory=DiscriminatorOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    train: TrainOptions = field(default_factory=TrainOptions)


@dataclass(frozen=True)
class Preset:
    """A named set of overrides of `Config`'s defaults.

    Attributes:
      name: what `--config` or `--preset` is given.
      doc: source, hardware, time and expected result, and which of these were measured here.
      options: dotted option name -> value.
    """

    name: str
    doc: str
    options: Mapping[str, Any] = field(default_factory=dict)


_CHOICES = {
    "data.verify": ("auto", "full", "off"),
    "train.precision": ("fp32", "tf32", "fp16", "bf16"),
    "train.image_grid": ("1080p", "4k"),
    "train.image_layout": ("random", "row_per_class"),
}


_RANGES = {
    "data.resolution": (0, 65536),
    "G.fmap_base": (1, 2**24), "D.fmap_base": (1, 2**24),
    "G.fmap_max": (1, 2**20), "D.fmap_max": (1, 2**20),
    "G.fmap_decay": (0.0, 100.0), "D.fmap_decay": (0.0, 100.0),
    "G.latent_size": (1, 2**20), "G.pixelnorm_epsilon": (1e-30, 1.0),
    "D.mbstd_group_size": (0, 2**20),
    "loss.wgan_lambda": (0.0, 1e9), "loss.wgan_target": (1e-9, 1e9),
    "loss.wgan_epsilon": (0.0, 1e9), "loss.cond_weight": (0.0, 1e9),
    "optimizer.beta1": (0.0, 0.999999), "optimizer.beta2": (0.0, 0.999999),
    "optimizer.epsilon": (1e-30, 1.0),
    "schedule.lod_initial_resolution": (0, 65536),
    "schedule.lod_training_kimg": (0.0, 1e9), "schedule.lod_transition_kimg": (0.0, 1e9),
    "schedule.minibatch_base": (1, 2**20),
    "schedule.minibatch_dict": (1, 2**20), "schedule.max_minibatch_per_gpu": (1, 2**20),
    "schedule.G_lrate_base": (0.0, 1e38), "schedule.D_lrate_base": (0.0, 1e38),
    "schedule.G_lrate_dict": (0.0, 1e38), "schedule.D_lrate_dict": (0.0, 1e38),
    "schedule.rampup_kimg": (0.0, 1e9), "schedule.tick_kimg_base": (1e-3, 1e9),
    "schedule.tick_kimg_dict": (1e-3, 1e9),
    "train.total_kimg": (0.0, 1e9), "train.seed": (0, 2**32 - 1),
    "train.minibatch_repeats": (1, 10**6), "train.D_repeats": (1, 1000),
    "train.smoothing": (0.0, 1.0), "train.smoothing_half_life_kimg": (0.0, 1e9),
    "train.gpus": (0, 1024), "train.max_skipped": (1, 10**9),
    "train.image_snapshot_ticks": (0, 10**9), "train.network_snapshot_ticks": (0, 10**9),
    "train.metric_ticks": (0, 10**9), "train.metric_images": (2, 10**9),
    "train.keep_snapshots": (0, 10**9),
}  # fmt: skip
"""Least and greatest value of the options that are numbers, or map resolutions to numbers."""

_BOOLEANS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


def own_images(path: str) -> dict[str, str]:
    """Returns the options of a data set that the user named, and made of images of their own."""
    command = f"python dataset_tool.py create_from_images {path} IMAGE_DIR"
    return {"data.path": path, "data.command": command}


def option_names(config: Config | None = None) -> list[str]:
    """Returns every dotted option name, such as `train.total_kimg`."""
    return list(flatten(config or Config()))


def flatten(config: Config) -> dict[str, Any]:
    """Returns dotted option name -> value."""
    flat = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            flat.update({f"{f.name}.{g.name}": getattr(value, g.name) for g in fields(value)})
        else:
            flat[f.name] = value
    return flat


def override(config: Config, options: Mapping[str, Any]) -> Config:
    """Returns `config` with dotted options replaced.

    Values may be of the option's type or text as typed on a command line: `true`, `0.5`,
    `none`, and `4:128,8:64` for the options that map a resolution to a value.

    Raises: UserError for an unknown name (naming the nearest) or a value of the wrong type.
    """
    for name, value in options.items():
        section, _, key = name.partition(".")
        known = option_names(config)
        if name not in known:
            raise UserError(f"unknown option {name!r}{nearest(name, known)}")
        owner = getattr(config, section) if key else config
        kind = typing.get_type_hints(type(owner))[key or name]
        value = _coerce(name, value, kind)
        if name in _CHOICES and value not in _CHOICES[name]:
            raise UserError(
                f"option {name}={value!r} is not one of {', '.join(_CHOICES[name])}"
                f"{nearest(str(value), _CHOICES[name])}"
            )
        if name == "name" and not re.fullmatch(r"\w[\w.-]{0,199}", value):
            raise UserError(f"option name={value!r}: letters, digits, - and _ are possible")
        if isinstance(value, dict) and not all(k >= 4 and k & (k - 1) == 0 for k in value):
            raise UserError(f"option {name}={value}: resolutions are powers of two from 4 on")
        least, greatest = _RANGES.get(name, (None, None))
        numbers = value.values() if isinstance(value, dict) else [value]
        if least is not None and value is not None:
            for number in numbers:
                if not least <= number <= greatest:
                    raise UserError(
                        f"option {name}={value}: from {least:g} to {greatest:g} is possible"
                    )
        if key:
            config = dataclasses.replace(
                config, **{section: dataclasses.replace(owner, **{key: value})}
            )
        else:
            config = dataclasses.replace(config, **{name: value})
    return config


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """Turns text or a JSON value into the option's type."""
    if isinstance(kind, types.UnionType):  # int | None
        if value is None or str(value).lower() == "none":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not types.NoneType)
    try:
        if typing.get_origin(kind) is not None:  # Mapping[int, int or float]
            _, element = typing.get_args(kind)
            if isinstance(value, str):
                text = value.strip().strip("{}").replace(",", " ").replace(": ", ":")
                value = dict(item.split(":") for item in text.split())
            return {int(k): _coerce(name, v, element) for k, v in value.items()}
        if kind is bool:
            if isinstance(value, bool):
                return value
            return _BOOLEANS[str(value).lower()]
        if kind is int:
            number = float(value)
            if number != int(number) or isinstance(value, bool):
                raise ValueError
            return int(number)
        if kind is float:
            number = float(value)
            if number != number:
                raise ValueError
            return number
        return str(value)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        wanted = {
            bool: "true or false", int: "a whole number", float: "a number",
        }.get(kind, "resolution:value pairs such as 4:128,8:64")  # fmt: skip
        raise UserError(f"option {name}={value!r}: {wanted} is needed") from None


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Turns `["train.total_kimg=500"]` into a dictionary.

    Raises: UserError when there is no `=`.
    """
    options = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write option=value, such as train.total_kimg=500")
        options[name.strip()] = value.strip()
    return options


FEATURES: dict[str, dict[str, Any]] = {
    "growing": {"schedule.lod_training_kimg": 0, "schedule.lod_transition_kimg": 0,
                "schedule.lod_initial_resolution": 0},
    "pixelnorm": {"G.use_pixelnorm": False},
    "wscale": {"G.use_wscale": False, "D.use_wscale": False},
    "leakyrelu": {"G.use_leakyrelu": False},
    "smoothing": {"train.smoothing": 0.0, "train.smoothing_half_life_kimg": 0.0},
    "repeats": {"train.minibatch_repeats": 1},
    "reset": {"train.reset_optimizer": False},
    "fused": {"G.fused_scale": False, "D.fused_scale": False},
    "stddev": {"D.mbstd_group_size": 0},
}  # fmt: skip
"""Features that can be turned off for study (spec section 3), as overrides."""


def resolve(*layers: Mapping[str, Any], without: list[str] | None = None) -> Config:
    """Returns the default config with each layer of overrides applied in turn.

    `without` names features of `FEATURES` to turn off, before the last layer (what the user
    typed). An fp16 run gets the pixel-norm epsilon of spec section 3 unless a layer sets it.
    """
    *first, last = layers or ({},)
    config = Config()
    for layer in first:
        config = override(config, layer)
    for feature in without or []:
        if feature not in FEATURES:
            raise UserError(f"--without {feature}: unknown feature{nearest(feature, FEATURES)}")
        config = override(config, FEATURES[feature])
    config = override(config, last)
    if config.train.precision == "fp16" and not any("G.pixelnorm_epsilon" in x for x in layers):
        config = override(config, {"G.pixelnorm_epsilon": 1e-4})
    return config


def to_json(config: Config) -> str:
    """Returns the options as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str) -> Config:
    """Reads what `to_json` wrote; options it doesn't name keep their defaults.

    Raises: UserError for unknown options or wrong types.
    """
    flat = {}
    for name, value in json.loads(text).items():
        if isinstance(value, dict):
            flat.update({f"{name}.{key}": v for key, v in value.items()})
        else:
            flat[name] = value
    return override(Config(), flat)

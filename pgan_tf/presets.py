"""Combines presets: turns the names that a user types into all options of a run."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import configs
from pgan_tf import config as config_module
from pgan_tf.config import Config, Preset
from pgan_tf.data import storage
from pgan_tf.errors import UserError, nearest

_V2 = {8: "v2-8gpus", 4: "v2-4gpus", 2: "v2-2gpus", 0: "v2-1gpu"}  # fewest GPUs -> preset


def compose(
    config: str = "",
    *,
    data_dir: str = "",
    preset: str = "",
    precision: str = "",
    without: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    gpus: int = 0,
) -> Config:
    """Returns all options of a run.

    Later ones replace earlier ones: defaults, hardware preset, precision, config, `data_dir`,
    `without`, `options`. The run is named after these choices, unless `options` names it. With
    `train.init`, growing starts at the resolution that those networks were trained to.

    Args:
      config: what to train: a name of `configs.DATA`; may be empty if `data_dir` is given.
      data_dir: the data set; empty: the config's own.
      preset: a name of `configs.HARDWARE`; empty: the preset that a recipe was made for, or else
        the largest v2 preset for the number of GPUs.
      precision: a name of `configs.PRECISION`; empty: fp32.
      without: features of `config.FEATURES` to turn off.
      options: dotted option name -> value.
      gpus: number of GPUs of the machine; it chooses the v2 preset, unless `options` sets
        train.gpus, which then does. 0: no GPUs, or use all GPUs with the schedule for one.
    Raises: UserError for an unknown name, suggesting the nearest; for a preset with a config that
      has its own schedule; for a value out of range.
    """
    if not config and not data_dir:
        raise UserError("give a data set: --config NAME (see --list) or --data-dir DIR")
    typed = dict(options or {})
    chosen = look_up("--config", config) if config else None
    made_for = chosen.hardware if chosen else None
    if preset and made_for is not None:
        raise UserError(
            f"--preset {preset}: the config {config} has its own schedule; leave out --preset and"
            " change the schedule with --set"
        )
    asked = config_module.override(Config(), typed).train.gpus
    if made_for is None:
        hardware = look_up("--preset", preset or preset_for(asked or gpus))
    else:
        hardware = look_up("--preset", made_for) if made_for else None
    arithmetic = look_up("--precision", precision or "fp32")

    layers = [
        options_of(hardware) if hardware else {},
        options_of(arithmetic),
        arithmetic.caps if hardware else {},
        options_of(chosen) if chosen else {},
        config_module.own_images(data_dir) if data_dir else {},
        {} if gpus else {"train.gpus": 0},  # presets' train.gpus is for machines that have GPUs
    ]
    result = config_module.resolve(*layers, typed, without=without)
    if result.train.init and "schedule.lod_initial_resolution" not in typed:
        start = {"schedule.lod_initial_resolution": _trained_resolution(result)}
        result = config_module.override(result, start)
    if "name" in typed:
        return result
    parts = [name_of_data(data_dir) if data_dir else config]
    if made_for is None:
        parts.append(hardware.name)
    parts += [result.train.precision, *(f"no-{feature}" for feature in without)]
    return config_module.override(result, {"name": "-".join(parts)})


def compose_over(
    base: Config,
    config: str = "",
    *,
    data_dir: str = "",
    preset: str = "",
    precision: str = "",
    without: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Returns a run's options with changes applied, in the order of `compose`.

    Args:
      base: the run's options; the run keeps its name.
      config, data_dir, preset, precision, without, options: the changes, as for `compose`; empty:
        no change.
    Raises: UserError for an unknown name, suggesting the nearest; for a value out of range.
    """
    arithmetic = look_up("--precision", precision) if precision else None
    layers = [
        options_of(look_up("--preset", preset)) if preset else {},
        _precision_options(base, arithmetic) if arithmetic else {},
        options_of(look_up("--config", config)) if config else {},
        config_module.own_images(data_dir) if data_dir else {},
        *(config_module.FEATURES.get(feature, {}) for feature in without),
        dict(options or {}),
    ]
    config_module.resolve({}, without=without)  # raises an error for an unknown feature
    for layer in layers:
        base = config_module.override(base, layer)
    return base


def _trained_resolution(config: Config) -> int:
    """Returns the resolution of the images that the networks of `train.init` make."""
    from pgan_tf.snapshots import locate, read_parts

    parts = read_parts(locate(config.train.init))
    resolution = parts.networks["Gs"].arguments["resolution"] >> int(parts.lod)
    return min(resolution, config.data.resolution or resolution)


def _precision_options(base: Config, arithmetic: Preset) -> dict[str, Any]:
    """Returns what a run changes with its precision.

    Caps belong to a hardware preset, and the epsilon follows the precision unless it was chosen.
    """
    options = options_of(arithmetic)
    if base.schedule.max_minibatch_per_gpu:
        options |= arithmetic.caps
    before = config_module.pixelnorm_epsilon(base.train.precision)
    if base.G.pixelnorm_epsilon == before:
        after = config_module.pixelnorm_epsilon(options["train.precision"])
        options["G.pixelnorm_epsilon"] = after
    return options


_TABLES = {
    "--config": configs.DATA,
    "--preset": configs.HARDWARE,
    "--precision": configs.PRECISION,
}
"""Option of the command line -> name -> preset."""


def look_up(option: str, name: str) -> Preset:
    """Returns the preset of this name.

    Args:
      option: "--config", "--preset" or "--precision".
      name: the preset's name.
    Raises: UserError for an unknown name, suggesting the nearest.
    """
    table = _TABLES[option]
    if name not in table:
        raise UserError(f"{option} {name}: there is no such name{nearest(name, table)}")
    return table[name]


def options_of(preset: Preset) -> dict[str, Any]:
    """Returns a preset's options, including those of its base and of the base's base."""
    for table in _TABLES.values():
        if preset.base in table:
            return {**options_of(table[preset.base]), **preset.options}
    return dict(preset.options)


def preset_for(gpus: int) -> str:
    """Returns the name of the largest v2 preset that a machine with this many GPUs can use."""
    return next(name for needed, name in _V2.items() if gpus >= needed)


def name_of_data(data_dir: str) -> str:
    """Returns the first part of a run's name, made from the data set's directory."""
    name = re.sub(r"[^\w.-]+", "_", storage.split(data_dir)[1])
    return name.lstrip(".-")[:80] or "custom"


def describe_presets() -> str:
    """Returns the descriptions of all presets, for `--list`."""
    lines = []
    for option, table in _TABLES.items():
        for text, names in names_by_text(table).items():
            lines.append(f"{option} {', '.join(names)}\n    {text}")
    return "\n".join(lines)


def names_by_text(table: Mapping[str, Preset]) -> dict[str, list[str]]:
    """Returns description -> names of the presets that share it."""
    by_text: dict[str, list[str]] = {}
    for preset in table.values():
        by_text.setdefault(" ".join(preset.doc.split()), []).append(preset.name)
    return by_text

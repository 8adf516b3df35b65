"""Puts presets together: from the names that a user types to all options of a run."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import configs
from pgan_tf import config as config_module
from pgan_tf.config import Config, Preset
from pgan_tf.data import storage
from pgan_tf.errors import UserError, nearest

_V2 = {8: "v2-8gpus", 4: "v2-4gpus", 2: "v2-2gpus", 0: "v2-1gpu"}  # GPUs that it needs -> name


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
    `without`, `options`. The run is named after what was chosen, unless `options` name it.

    Args:
      config: what to train: a name of `configs.DATA`; may be empty if `data_dir` is given.
      data_dir: a data set, if not the config's own.
      preset: a name of `configs.HARDWARE`; empty: that of a recipe made for one, else the largest
        v2 preset that the GPUs are enough for.
      precision: a name of `configs.PRECISION`; empty: fp32.
      without: features of `config.FEATURES` to turn off.
      options: dotted option name -> value.
      gpus: number of GPUs of the machine; 0: it has none, or all of them are to be used with the
        schedule for one. Another number in `options["train.gpus"]` chooses the preset instead.
    Raises: UserError for an unknown name, naming the nearest; for a preset with a config that has
      a schedule of its own; for a value that is not possible.
    """
    if not config and not data_dir:
        raise UserError("say what to train: --config NAME (see --list) or --data-dir DIR")
    typed = dict(options or {})
    chosen = look_up("--config", config) if config else None
    made_for = chosen.hardware if chosen else None
    if preset and made_for is not None:
        raise UserError(
            f"--preset {preset}: the config {config} has a schedule of its own; leave --preset"
            " out, and change the schedule with --set"
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
        {} if gpus else {"train.gpus": 0},  # what presets say about GPUs is for a machine with some
    ]
    result = config_module.resolve(*layers, typed, without=without)
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
    """Returns the options of a run with what is named put over them, in the order of `compose`.

    Args:
      base: the run's options; its name stays.
      config, data_dir, preset, precision, without, options: as for `compose`; empty: as they are.
    Raises: UserError for an unknown name, naming the nearest; for a value that is not possible.
    """
    arithmetic = look_up("--precision", precision) if precision else None
    layers = [
        options_of(look_up("--preset", preset)) if preset else {},
        {**options_of(arithmetic), **arithmetic.caps} if arithmetic else {},
        options_of(look_up("--config", config)) if config else {},
        config_module.own_images(data_dir) if data_dir else {},
        *(config_module.FEATURES.get(feature, {}) for feature in without),
        dict(options or {}),
    ]
    config_module.resolve({}, without=without)  # refuses an unknown feature
    for layer in layers:
        base = config_module.override(base, layer)
    return base


_TABLES = {
    "--config": configs.DATA,
    "--preset": configs.HARDWARE,
    "--precision": configs.PRECISION,
}
"""Option of the command line -> name -> preset."""


def look_up(option: str, name: str) -> Preset:
    """Returns the preset that `--config`, `--preset` or `--precision` names.

    Raises: UserError naming the nearest when there is none.
    """
    table = _TABLES[option]
    if name not in table:
        raise UserError(f"{option} {name}: there is none of that name{nearest(name, table)}")
    return table[name]


def options_of(preset: Preset) -> dict[str, Any]:
    """Returns the options of a preset's base, and of the base's, replaced by its own."""
    for table in _TABLES.values():
        if preset.base in table:
            return {**options_of(table[preset.base]), **preset.options}
    return dict(preset.options)


def preset_for(gpus: int) -> str:
    """Returns the name of the largest v2 preset that so many GPUs are enough for."""
    return next(name for needed, name in _V2.items() if gpus >= needed)


def name_of_data(data_dir: str) -> str:
    """Returns what the name of a run on a data set begins with, by the data set's directory."""
    name = re.sub(r"[^\w.-]+", "_", storage.split(data_dir)[1])
    return name.lstrip(".-")[:80] or "custom"


def describe_presets() -> str:
    """Returns the documentation of all presets, for `--list`."""
    lines = []
    for option, table in _TABLES.items():
        for text, names in names_by_text(table).items():
            lines.append(f"{option} {', '.join(names)}\n    {text}")
    return "\n".join(lines)


def names_by_text(table: Mapping[str, Preset]) -> dict[str, list[str]]:
    """Returns text -> names of the presets that it describes."""
    by_text: dict[str, list[str]] = {}
    for preset in table.values():
        by_text.setdefault(" ".join(preset.doc.split()), []).append(preset.name)
    return by_text

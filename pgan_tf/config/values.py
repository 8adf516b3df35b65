"""Values of options: parsing, checking, putting them into a `Config`, printing."""

import dataclasses
import functools
import operator
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pgan_tf.config.option import Option, options_of
from pgan_tf.config.options import Config
from pgan_tf.errors import UserError, nearest

_LONGEST = 100  # characters of a wrong value that an error message repeats

_BOOLEANS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip

_KINDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "one line of text",
    None: "resolution:value pairs such as 4:128,8:64",
}  # fmt: skip


@functools.cache
def options() -> Mapping[str, Option]:
    """Returns dotted name -> description of the option, for all options in order."""
    return {option.name: option for option in options_of(Config())}


def changeable(name: str) -> bool:
    """Returns True if the option `name` may change when a run is continued."""
    return options()[name].changeable


def flatten(config: Config) -> dict[str, Any]:
    """Returns dotted option name -> value."""
    flat = {}
    for name in options():
        section, _, key = name.rpartition(".")
        flat[name] = getattr(getattr(config, section) if section else config, key)
    return flat


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Returns dotted option name -> (old value, new value) for values that differ."""
    before, after = flatten(old), flatten(new)
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def override(config: Config, values: Mapping[str, Any]) -> Config:
    """Returns `config` with some options replaced.

    Args:
      config: the options to start from.
      values: dotted option name -> value, of the option's type or as typed on a command line:
        `true`, `0.5`, `none`, and `4:128,8:64` for options that map resolutions to values.
    Raises: UserError for an unknown name, and for a value of the wrong type or out of range.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name not in options():
            raise UserError(f"unknown option {_shown(name)}{nearest(str(name), options())}")
        section, _, key = name.rpartition(".")
        sections.setdefault(section, {})[key] = check(options()[name], value)
    whole = sections.pop("", {})
    for section, changed in sections.items():
        whole[section] = dataclasses.replace(getattr(config, section), **changed)
    return dataclasses.replace(config, **whole)


def check(option: Option, value: Any) -> Any:
    """Returns `value` converted to the option's type.

    Raises: UserError that names the option, the value and the possible values.
    """
    if option.optional and (value is None or _is_text(value, "none")):
        return None
    try:
        checked = _mapping(option, value) if option.is_mapping else _single(option.element, value)
    except (ValueError, KeyError, TypeError, OverflowError):
        # In a mapping that consists of pairs, one of the values must be wrong.
        pairs = option.is_mapping and not _has_pairs(value)
        kind = _KINDS[None if pairs else option.element]
        raise UserError(f"option {option.name}={_shown(value)}: {kind} is needed") from None
    if option.choices and checked not in option.choices:
        raise UserError(
            f"option {option.name}={_shown(checked)} is not one of {', '.join(option.choices)}"
            f"{nearest(checked, option.choices)}"
        )
    if option.pattern and not re.fullmatch(option.pattern, checked):
        raise UserError(f"option {option.name}={_shown(checked)}: must be {option.form}")
    if option.is_mapping and not all(r >= 4 and r & (r - 1) == 0 for r in checked):
        raise UserError(
            f"option {option.name}={_shown(checked)}: resolutions are powers of two, at least 4"
        )
    if option.least is not None and option.greatest is not None:
        for number in checked.values() if option.is_mapping else [checked]:
            if not option.least <= number <= option.greatest:
                raise UserError(
                    f"option {option.name}={_shown(checked)}: must be {range_text(option)}"
                )
    return checked


def _single(kind: type, value: Any) -> Any:
    """Returns `value` as a bool, int, float or str.

    Raises: ValueError, KeyError, TypeError or OverflowError when it is of another type.
    """
    if kind is str:
        text = os.fspath(value)
        if not isinstance(text, str) or any(c < " " or c == "\x7f" for c in text):
            raise ValueError
        return text
    if kind is bool and isinstance(value, str):
        return _BOOLEANS[value.strip().lower()]
    if isinstance(value, bool) != (kind is bool):
        raise TypeError
    if kind is bool:
        return value
    number = float(value)
    if number != number or (kind is int and number != int(number)):
        raise ValueError
    return kind(number)


def _mapping(option: Option, value: Any) -> dict[int, Any]:
    """Returns `value` as resolution -> value.

    Raises: ValueError, KeyError, TypeError or OverflowError when it isn't such a mapping.
    """
    pairs = _pairs(value) if isinstance(value, str) else dict(value)
    return {_resolution(r): _single(option.element, v) for r, v in pairs.items()}


def _resolution(key: Any) -> int:
    return int(key) if isinstance(key, str) else operator.index(key)


def _pairs(text: str) -> dict[str, str]:
    items = text.strip().strip("{}").replace(",", " ").replace(": ", ":").split()
    pairs = dict(item.split(":") for item in items)
    if len(pairs) < len(items):
        raise ValueError("a resolution twice")
    return pairs


def _has_pairs(value: Any) -> bool:
    try:
        for key in _pairs(value) if isinstance(value, str) else dict(value):
            _resolution(key)
    except (ValueError, TypeError):
        return False
    return True


def _is_text(value: Any, text: str) -> bool:
    return isinstance(value, str) and value.strip().lower() == text


def _shown(value: Any) -> str:
    """Returns the value as an error message shows it: one line of limited length."""
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to print some
        text = f"a number of {value.bit_length()} bits"
    elif isinstance(value, str | int | float | None):
        text = repr(value[:_LONGEST] if isinstance(value, str) else value)
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{_shown(r)}: {_shown(v)}" for r, v in _first(value)) + "}"
    else:
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST + 2 else text[:_LONGEST] + "..."


def _first(value: Mapping) -> list[tuple[Any, Any]]:
    return [(r, "..." if isinstance(v, Mapping) else v) for r, v in list(value.items())[:_LONGEST]]


def number_text(number: float) -> str:
    """Returns a short text that reads back as exactly this number."""
    text = f"{number:g}"
    return text if float(text) == number else repr(number)


def range_text(option: Option) -> str:
    """Returns the possible values, such as "from 0 to 1024", or "" if all are possible."""
    if option.choices:
        return ", ".join(option.choices)
    if option.least is None or option.greatest is None:
        return ""
    return f"from {number_text(option.least)} to {number_text(option.greatest)}"


def value_text(value: Any) -> str:
    """Returns the value as the user types it after `--set option=`."""
    if isinstance(value, Mapping):
        return ",".join(f"{r}:{number_text(v)}" for r, v in value.items()) or "{}"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else str(value)


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Parses `["train.total_kimg=500"]` into a dictionary.

    Raises: UserError for a text without `=`.
    """
    values = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write option=value, such as train.total_kimg=500")
        values[name.strip()] = value.strip()
    return values


def own_images(path: str) -> dict[str, str]:
    """Returns the data set options for the user's own images, in the data set directory `path`."""
    command = f"python dataset_tool.py create_from_images {path} IMAGE_DIR"
    return {"data.path": path, "data.command": command}

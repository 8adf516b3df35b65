"""Options as JSON: what runs and snapshots keep, and reading what older versions kept."""

import dataclasses
import json
from typing import Any

from pgan_tf.config.options import Config
from pgan_tf.config.values import options, override
from pgan_tf.errors import UserError, one_line

RENAMED: dict[str, str] = {}
"""Dotted name in an older version -> today's name."""

REMOVED: frozenset[str] = frozenset()
"""Dotted names of options of older versions that have no meaning any more."""

_SECTIONS = frozenset(f.name for f in dataclasses.fields(Config)) - options().keys()


def to_json(config: Config) -> str:
    """Returns the options as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str, passed_over: list[str] | None = None) -> Config:
    """Reads what `to_json` of this or another version wrote.

    Options it doesn't name keep their defaults; see `from_dict` for the others.

    Args:
      text: the JSON.
      passed_over: gets the names of options that this version doesn't know.
    Raises: UserError when it is no JSON object, or an option has a value of another type or out
      of range.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise UserError("the options are no whole JSON: brackets nested too deep") from None
    except ValueError as error:
        raise UserError(f"the options are no whole JSON: {one_line(error)}") from None
    return from_dict(values, passed_over)


def from_dict(values: Any, passed_over: list[str] | None = None) -> Config:
    """Returns the config of a parsed JSON object: name -> value, or section -> name -> value.

    Options that were renamed since (`RENAMED`) get their new name, removed ones (`REMOVED`) are
    passed over in silence, unknown ones are passed over and added to the list `passed_over`.

    Raises: UserError as `from_json`.
    """
    if not isinstance(values, dict):
        raise UserError("the options are no JSON object of sections and values")
    flat = {}
    for name, value in values.items():
        if name in _SECTIONS and not isinstance(value, dict):
            raise UserError(f"the options' section {name} is no JSON object")
        if isinstance(value, dict) and name not in options():
            flat.update({f"{name}.{key}": v for key, v in value.items()})
        else:
            flat[name] = value
    known = {}
    for name, value in flat.items():
        name = RENAMED.get(name, name)
        if name in options():
            known[name] = value
        elif name not in REMOVED and passed_over is not None:
            passed_over.append(name)
    return override(Config(), known)

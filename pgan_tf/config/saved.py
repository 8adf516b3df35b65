"""Options as JSON, in which runs and snapshots of this and older versions keep them."""

import dataclasses
import json
from typing import Any

from pgan_tf.config.options import Config
from pgan_tf.config.values import options, override
from pgan_tf.errors import UserError, one_line

RENAMED: dict[str, str] = {}
"""Dotted option name in an older version -> its current name."""

REMOVED: frozenset[str] = frozenset()
"""Dotted names of older versions' options that have no meaning any more."""


def current_name(name: str) -> str | None:
    """Returns the present name of an older version's option; None if it was removed.

    Names that no version knows are returned as they are.
    """
    return None if name in REMOVED else RENAMED.get(name, name)


_SECTIONS = frozenset(f.name for f in dataclasses.fields(Config)) - options().keys()


def to_json(config: Config) -> str:
    """Returns the options as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str, passed_over: list[str] | None = None) -> Config:
    """Returns the options from JSON that `to_json` of this or another version wrote.

    Options missing in the JSON get their defaults. `from_dict` says what happens to renamed,
    removed and unknown options.

    Args:
      text: the JSON.
      passed_over: a list to which the names of unknown options are added; None: they are ignored.
    Raises: UserError when the text is not a JSON object, or a value is of the wrong type or out of
      range.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise UserError("the options are not valid JSON: brackets nested too deep") from None
    except ValueError as error:
        raise UserError(f"the options are not valid JSON: {one_line(error)}") from None
    return from_dict(values, passed_over)


def from_dict(values: Any, passed_over: list[str] | None = None) -> Config:
    """Returns the options from a parsed JSON object.

    Renamed options (`RENAMED`) get their new names. Removed ones (`REMOVED`) are ignored. Unknown
    ones are ignored and added to `passed_over`.

    Args:
      values: dotted name -> value, or section -> name -> value.
      passed_over: see `from_json`.
    Raises: UserError as `from_json`.
    """
    if not isinstance(values, dict):
        raise UserError("the options are not a JSON object of sections and values")
    flat = {}
    for name, value in values.items():
        if name in _SECTIONS and not isinstance(value, dict):
            raise UserError(f"the options' section {name} is not a JSON object")
        if isinstance(value, dict) and name not in options():
            flat.update({f"{name}.{key}": v for key, v in value.items()})
        else:
            flat[name] = value
    known = {}
    for old, value in flat.items():
        name = current_name(old)
        if name in options():
            known[name] = value
        elif name is not None and passed_over is not None:
            passed_over.append(name)
    return override(Config(), known)

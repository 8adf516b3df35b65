"""Checks and conversions of values in official pickles, for both versions' readers (method 7)."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions, check
from pgan_tf.config.option import options_of
from pgan_tf.errors import UserError

SHAPE = {"num_channels": 1, "resolution": 32, "label_size": 0}
"""Argument for the shape of images and labels -> its value in a file that doesn't name it."""

_OPTIONS = {
    "G": {option.name: option for option in options_of(GeneratorOptions())},
    "D": {option.name: option for option in options_of(DiscriminatorOptions())},
}
_MOST = {"num_channels": 1 << 12, "resolution": 1 << 16, "label_size": 1 << 20}


def entry(state: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """Returns an entry of a network's state.

    Raises: ValueError when the state has no entry of this name and type.
    """
    value = state.get(key) if isinstance(state, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"a network's state has no {key}")
    return value


def plain(value: Any) -> Any:
    """Returns a NumPy number, or an array of one number, as a Python number; else the value."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.size == 1):
        return value.item()
    return value


def arguments(
    kind: str, given: Mapping[str, Any], passed_over: Collection[str], only: Mapping[str, tuple]
) -> dict[str, Any]:
    """Returns the arguments of our network that match those of an official one.

    Args:
      kind: "G" or "D".
      given: name -> value, from the file.
      passed_over: names of arguments that don't affect what the network computes.
      only: name -> values with which the official network computes the same as ours.
    Raises: UserError that names an argument with an unsupported value or a value out of range.
    """
    ours: dict[str, Any] = {"networks": "paper", **SHAPE}
    for name, value in given.items():
        value = plain(value)
        if name in SHAPE:
            ours[name] = _size(name, value)
        elif name in _OPTIONS[kind]:
            if isinstance(value, str | bytes):
                raise UserError(f"its {name} is text, not a number")
            ours[name] = check(_OPTIONS[kind][name], value)
        elif name in only:
            if not any(value is same or _equal(value, same) for same in only[name]):
                raise UserError(f"its networks use {name}, which this program can't")
        elif name not in passed_over:
            raise UserError(f"its networks use {ascii(name)[1:-1][:80]}, which is not known here")
    return ours


def _equal(a: Any, b: Any) -> bool:
    kinds = (bool, int, float, str)
    return isinstance(a, kinds) and isinstance(b, kinds) and a == b


def _size(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST[name]:
        raise UserError(f"its {name} is not a whole number from 0 to {_MOST[name]}")
    return value


def weights(array: Any) -> np.ndarray:
    """Returns a variable of a pickle as float32, of the same shape; copies only other dtypes.

    Raises: ValueError for anything but an array of floating-point numbers.
    """
    if not isinstance(array, np.ndarray | np.generic) or array.dtype.kind != "f":
        raise ValueError("a variable is not an array of floating-point numbers")
    with np.errstate(over="ignore"):  # infinite weights are refused later
        return np.asarray(array).astype("=f4", copy=False)

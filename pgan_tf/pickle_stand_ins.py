"""What the names in a pickle stand for when `safe_pickle` reads it: arrays, dtypes, bytes.

Each of these may be called with anything at all, takes memory and time in proportion to its
arguments' size at the most, and has no attributes that a pickle can set.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

# Booleans, numbers and strings of fixed size: no Python objects, no structures.
_DTYPE = re.compile(
    r"[<>=|]?([?bBhHiIlLqQefdg]|[biufc]\d{1,2}|[SU][1-9]\d{0,5}|bool|u?int\d+|float\d+)"
)


class Refused(Exception):  # noqa: N818
    """The pickle names something that is not allowed."""


class Dictionary(dict):
    """Stands in for an ordered dictionary; drops the attributes that hang on it.

    It may be made of pairs at once, as Python 2's pickles do: [[text, value], ...].
    """

    def __init__(self, pairs: list | tuple = ()):
        if not isinstance(pairs, list | tuple):
            raise Refused("a dictionary of what are no pairs")
        for key, value in pairs:
            if not isinstance(key, str | bytes):  # numbers come one by one, and are counted
                raise Refused("keys that are no text")
            self[key] = value

    def __setstate__(self, state: Any) -> None:
        pass


class StandIn:
    """A callable that a pickle can do nothing with but call it: it has no attributes to set.

    Args:
      function: may take memory and time in proportion to its arguments' size, not more.
    """

    __slots__ = ("__function",)

    def __init__(self, function: Callable):
        object.__setattr__(self, "_StandIn__function", function)

    def __setattr__(self, name, value):
        raise Refused(f"attribute {name}")

    def __call__(self, *args):
        return self.__function(*args)


class _Dtype:
    """A dtype in the making: np.dtype('i4', False, True), and then its byte order as state."""

    __slots__ = ("value",)

    def __init__(self, spec: str, align: bool = False, copy: bool = False):
        if isinstance(spec, bytes):
            spec = spec.decode("latin1")
        if not isinstance(spec, str) or not _DTYPE.fullmatch(spec):
            raise Refused(f"arrays of dtype {_shown(spec)}")
        object.__setattr__(self, "value", np.dtype(spec))

    def __setattr__(self, name, value):
        raise Refused(f"attribute {name}")

    def __setstate__(self, state):
        if isinstance(state[1], str) and state[1] in ("<", ">", "=", "|"):
            object.__setattr__(self, "value", self.value.newbyteorder(state[1]))


class _Array(np.ndarray):
    """An array that takes a pickled state only after checking it."""

    def __setstate__(self, state):
        *_, shape, dtype, fortran, raw = state  # Python 2's first NumPys left out a version
        raw = _raw(raw)
        if not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in shape) or len(shape) > 32:
            raise ValueError("an array of no shape")
        if not isinstance(dtype, _Dtype) or np.prod(shape, dtype=object) * dtype.value.itemsize != (
            len(raw)
        ):
            raise ValueError("an array whose bytes don't make its shape")
        super().__setstate__((1, tuple(map(int, shape)), dtype.value, bool(fortran), raw))


def _shown(value) -> str:
    """Returns a text for a message; of what is no text its type: lists within lists can be
    larger than memory when they are printed."""
    return ascii(value)[:80] if isinstance(value, str | bytes) else type(value).__name__


def _raw(data) -> bytes:
    """Returns bytes; Python 2 wrote them as a string."""
    if isinstance(data, str):
        return data.encode("latin1")
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    raise ValueError("an array without bytes")


def _reconstruct(kind, shape, dtype) -> np.ndarray:
    return np.ndarray.__new__(_Array, (0,), "u1")


def _scalar(dtype: _Dtype, data) -> np.generic:
    return np.frombuffer(_raw(data), dtype.value, 1)[0]


def _frombuffer(data, dtype: _Dtype, shape, order) -> np.ndarray:
    return np.frombuffer(_raw(data), dtype.value).reshape(shape, order=order).copy(order="A")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if not isinstance(encoding, str) or encoding not in ("latin1", "latin-1"):
        raise Refused(f"the codec {_shown(encoding)}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _ndarray(*_):
    raise Refused("a new numpy.ndarray")


FUNCTIONS: dict[tuple[str, str], Callable] = {
    ("numpy", "ndarray"): _ndarray,  # only named as an argument of _reconstruct
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
}

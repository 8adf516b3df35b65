"""Harmless stand-ins for the functions and classes that `safe_pickle` finds named in a pickle.

They build arrays, dtypes and bytes. Each may be called with any arguments, takes memory and time at
most in proportion to their size, and has no attributes that a pickle can set.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

# Booleans, numbers and strings of fixed size; no Python objects or structures.
_DTYPE = re.compile(
    r"[<>=|]?([?bBhHiIlLqQefdg]|[biufc]\d{1,2}|[SU][1-9]\d{0,5}|bool|u?int\d+|float\d+)"
)


class Refused(Exception):  # noqa: N818
    """The pickle uses something that is not allowed; the message says what."""


class Dictionary(dict):
    """Stands in for an ordered dictionary, and ignores attributes that a pickle sets on it.

    Args:
      pairs: [[text, value], ...], as Python 2's pickles give them.
    """

    def __init__(self, pairs: list | tuple = ()):
        if not isinstance(pairs, list | tuple):
            raise Refused("a dictionary made of other things than pairs")
        for key, value in pairs:
            if not isinstance(key, str | bytes):  # the unpickler adds number keys, and counts them
                raise Refused("keys that are not text")
            self[key] = value

    def __setstate__(self, state: Any) -> None:
        pass


class StandIn:
    """A callable without attributes, so that a pickle can only call it.

    Args:
      function: takes memory and time at most in proportion to its arguments' size.
    """

    __slots__ = ("__function",)

    def __init__(self, function: Callable):
        object.__setattr__(self, "_StandIn__function", function)

    def __setattr__(self, name, value):
        raise Refused(f"attribute {name}")

    def __call__(self, *args):
        return self.__function(*args)


class _Dtype:
    """Stands in for a dtype, which a pickle makes by np.dtype('i4', False, True) and a state.

    The state holds the byte order.
    """

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
    """An array that checks a pickled state before it takes it."""

    def __setstate__(self, state):
        *_, shape, dtype, fortran, raw = state  # old NumPys of Python 2 wrote no version
        raw = _raw(raw)
        if not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in shape) or len(shape) > 32:
            raise ValueError("an array without a valid shape")
        if not isinstance(dtype, _Dtype) or np.prod(shape, dtype=object) * dtype.value.itemsize != (
            len(raw)
        ):
            raise ValueError("an array whose bytes don't make its shape")
        super().__setstate__((1, tuple(map(int, shape)), dtype.value, bool(fortran), raw))


def _shown(value) -> str:
    """Returns a value as a message shows it: text, or only the type of other values.

    Lists within lists may be larger than memory when they are printed.
    """
    return ascii(value)[:80] if isinstance(value, str | bytes) else type(value).__name__


def _raw(data) -> bytes:
    """Returns an array's data as bytes; Python 2 wrote it as a string."""
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
    ("numpy", "ndarray"): _ndarray,  # pickles pass it to _reconstruct, and never call it
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
}

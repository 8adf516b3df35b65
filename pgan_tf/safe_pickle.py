"""Reading pickles of strangers: arrays and plain values come in, nothing is executed.

A pickle is a program, and Python's own loader calls whatever function the program names. This
one knows seven names, which NumPy's pickles and Python 2's strings use, and answers each with a
stand-in of its own that can build an array, a dtype or bytes and nothing else. Any other name is
refused. Plain values (None, numbers, strings, bytes, tuples, lists, dicts) need no name.
"""

import os
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError

# Booleans, numbers and strings of fixed size: no Python objects, no structures.
_DTYPE = re.compile(r"[<>=|]?([?bBhHiIlLqQefdg]|[biufc]\d{1,2}|[SU]\d{1,6}|bool|u?int\d+|float\d+)")


def load(
    path: str | os.PathLike, stand_ins: Mapping[tuple[str, str], Callable] | None = None
) -> Any:
    """Reads a pickle, of Python 2 or 3, that holds arrays and plain values.

    Python 2's strings become `str`, decoded as Latin-1.

    Args:
      path: the file; local, or anything that `tf.io.gfile` accepts.
      stand_ins: further names that the pickle may use, (module, name), and the class or function
        of ours that stands in for each. It gets whatever the pickle passes, so it must be
        harmless: a class that does no more than keep its state, say.
    Returns: the value; arrays are of a subclass of np.ndarray without further meaning.
    Raises: UserError, one line that names the file, when it asks for anything else or is damaged;
      OSError.
    """
    with storage.open_binary(os.fspath(path)) as file:
        try:
            return Unpickler(file, dict(stand_ins or {})).load()
        except Refused as error:
            raise UserError(
                f"{path} asks for {error}, which is neither an array nor a plain value: refused,"
                " nothing was executed"
            ) from None
        except OSError:
            raise
        except Exception as error:  # damaged ones raise two dozen kinds
            what = " ".join(str(error).split())
            raise UserError(f"{path} is no complete pickle of arrays ({what})") from None


def as_array(value: Any) -> np.ndarray:
    """Returns a pickle's array as it is, or its list of n whole numbers as int64 [n].

    Raises: ValueError for anything else: nested lists may be larger than memory.
    """
    if isinstance(value, list) and all(isinstance(n, int) and abs(n) < 1 << 63 for n in value):
        return np.array(value, np.int64)
    if not isinstance(value, np.ndarray):
        raise ValueError("neither an array nor a list of whole numbers")
    return np.asarray(value)


class Refused(Exception):  # noqa: N818
    """The pickle names something that is not allowed."""


class Unpickler(pickle._Unpickler):
    """What `load` reads with; for formats that hold pickles among other things.

    Python's unpickler in Python: that in C can be made to take all memory by a large number in
    its memo, and to end the process by a deeply nested key of a dict.

    Raises `Refused` for names that are not allowed, and, when the pickle is damaged, anything.
    """

    def __init__(self, file: BinaryIO, stand_ins: dict[tuple[str, str], Callable]):
        super().__init__(file, fix_imports=False, encoding="latin1")
        self._stand_ins = stand_ins

    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) in self._stand_ins:
            return self._stand_ins[module, name]
        function = _FUNCTIONS.get((module.replace("numpy._core", "numpy.core"), name))
        if function is None:
            raise Refused(ascii(f"{module}.{name}")[1:-1][:160])
        return StandIn(function)

    def load_dict(self):
        self._check_keys(self.stack)
        super().load_dict()

    def _check_keys(self, items: list) -> None:
        if not all(isinstance(key, _KEYS) for key in items[::2]):
            raise Refused("keys that are no plain values")

    def load_setitem(self):
        self._check_keys(self.stack[-2:])
        super().load_setitem()

    def load_setitems(self):
        self._check_keys(self.stack)
        super().load_setitems()

    def load_set(self):
        raise Refused("sets")

    dispatch: ClassVar[dict] = {
        **pickle._Unpickler.dispatch,
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.EMPTY_SET[0]: load_set,
        pickle.FROZENSET[0]: load_set,
        pickle.ADDITEMS[0]: load_set,
    }


_KEYS = (str, bytes, int, float, bool, type(None))


class StandIn:
    """A callable that a pickle can do nothing with but call it: it has no attributes to set."""

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
            raise Refused(f"arrays of dtype {spec!r}")
        object.__setattr__(self, "value", np.dtype(spec))

    def __setattr__(self, name, value):
        raise Refused(f"attribute {name}")

    def __setstate__(self, state):
        if state[1] in ("<", ">", "=", "|"):
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
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"the codec {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _ndarray(*_):
    raise Refused("a new numpy.ndarray")


_FUNCTIONS: dict[tuple[str, str], Callable] = {
    ("numpy", "ndarray"): _ndarray,  # only named as an argument of _reconstruct
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
}

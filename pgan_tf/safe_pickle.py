"""A safe reader of untrusted pickles: it loads arrays and plain values, and executes nothing.

A pickle is a program, and Python's own loader calls any function that the program names. This
reader knows the seven names that NumPy's pickles and Python 2's strings use. It answers each with
its own stand-in, which can build an array, a dtype or bytes and nothing else. It refuses any other
name. Plain values (None, numbers, strings, bytes, tuples, lists, dicts) need no name.

A small pickle can't take much memory or time either. There are limits on the bytes it reads and
makes, on its operations, and on the numbers it uses as keys of dicts.

To read pickles of further classes, give stand-ins for them:

    class Network:  # keeps the state that the pickle gives it, and does nothing else
        def __setstate__(self, state):
            self.state = state

    networks = safe_pickle.load(path, {("tfutil", "Network"): Network})
"""

import io
import os
import pickle
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError, one_line
from pgan_tf.pickle_stand_ins import FUNCTIONS, Dictionary, Refused, StandIn

__all__ = ["Dictionary", "Refused", "StandIn", "TooMuch", "Unpickler", "as_array", "load"]

MOST_BYTES = 512 << 20  # largest pickle; the three official 1024x1024 networks have 280 million

_MOST_OPERATIONS = 1 << 21  # CIFAR-100 takes half a million
_MOST_NUMBERS_AS_KEYS = 1 << 12  # chosen numbers can all collide in a dict, which makes it slow
_MOST_STRAYS = 1 << 10  # numbers in the memo that are out of order; they are keys too
_INT32, _INT64 = 1 << 31, 1 << 63  # limits to compare with, since numbers may be very long
_SMALL = 1 << 20  # bytes that may be made beyond twice the size of the file


def load(
    source: str | os.PathLike | BinaryIO,
    stand_ins: Mapping[tuple[str, str], Callable] | None = None,
    most_bytes: int = MOST_BYTES,
) -> Any:
    """Reads a pickle of Python 2 or 3 that holds arrays and plain values.

    Python 2's strings become `str`, decoded as Latin-1. Names of NumPy's modules may be old
    (`numpy.core`) or new (`numpy._core`).

    Args:
      source: the file's path, local or anything that `tf.io.gfile` accepts; or an open file, which
        is read from its current position to the end of the pickle.
      stand_ins: (module, name) of further names that the pickle may use -> the class or function
        that stands in for it. A stand-in gets whatever the pickle passes, so it must be harmless,
        such as `Dictionary` or a class that only keeps its state.
      most_bytes: size of the pickle, at most; the values made from it take at most twice as much.
    Returns: the value; its arrays are instances of a private subclass of np.ndarray.
    Raises: UserError, one line that names the file, when the pickle uses any other name, is too
      large or is damaged; OSError.
    """
    if not isinstance(source, str | os.PathLike):
        return _load(source, stand_ins, most_bytes, getattr(source, "name", "the pickle"))
    path = os.fspath(source)
    with storage.open_binary(path) as file:
        size = storage.size(path)
        if size > most_bytes:
            raise UserError(f"{path} is too large: {size} bytes; at most {most_bytes} are allowed")
        if storage.is_remote(path):  # remote files can't limit the length of a line
            file = io.BytesIO(file.read(size))
        return _load(file, stand_ins, size, path)


def _load(
    file: BinaryIO,
    stand_ins: Mapping[tuple[str, str], Callable] | None,
    most_bytes: int,
    name: str,
) -> Any:
    try:
        return Unpickler(file, stand_ins, most_bytes).load()
    except Refused as error:
        raise UserError(
            f"{name} asks for {error}, which is neither an array nor a plain value; it was refused,"
            " and nothing was executed"
        ) from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged pickles raise two dozen kinds
        raise UserError(f"{name} is not a complete pickle of arrays ({one_line(error)})") from None


def as_array(value: Any) -> np.ndarray:
    """Returns a value of a pickle as an array: an array as it is, n whole numbers as int64 [n].

    Raises: ValueError for anything else; nested lists may be larger than memory.
    """
    if isinstance(value, list) and all(isinstance(n, int) and -_INT64 <= n < _INT64 for n in value):
        return np.array(value, np.int64)
    if not isinstance(value, np.ndarray):
        raise ValueError("neither an array nor a list of whole numbers")
    return np.asarray(value)


class TooMuch(ValueError):  # noqa: N818
    """The pickle takes more operations or memory than allowed."""


class Unpickler(pickle._Unpickler):
    """The reader behind `load`, for formats that hold pickles among other things.

    It extends Python's unpickler written in Python. In the one written in C, a large number in the
    memo can take all memory, and a deeply nested key of a dict can end the process.

    Args:
      file: read from its current position to the end of one pickle.
      stand_ins, most_bytes: see `load`.
    Raises: Refused for names that are not allowed; errors of any kind for a damaged pickle.
    """

    def __init__(
        self,
        file: BinaryIO,
        stand_ins: Mapping[tuple[str, str], Callable] | None = None,
        most_bytes: int = MOST_BYTES,
    ):
        super().__init__(_Bounded(file, most_bytes), fix_imports=False, encoding="latin1")
        self._stand_ins = dict(stand_ins or {})
        self.dispatch = _Counted(self)
        self._operations = 0
        # Twice the size: protocols 0 to 2 of Python 3 turn text into bytes, then bytes into arrays.
        self._left_to_make = 2 * most_bytes + _SMALL
        self._numbers_as_keys = 0
        self._strays = 0

    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) in self._stand_ins:
            return self._stand_ins[module, name]
        function = FUNCTIONS.get((module.replace("numpy._core", "numpy.core"), name))
        if function is None:
            raise Refused(ascii(f"{module}.{name}")[1:-1][:160])
        return StandIn(function)

    def count(self, operations: int) -> None:
        """Counts operations. Raises TooMuch when there are too many."""
        self._operations += operations
        if self._operations > _MOST_OPERATIONS:
            raise TooMuch(f"more than {_MOST_OPERATIONS} operations")

    def _count_arguments(self, values) -> None:
        """Counts the size of a function's arguments, or of an object's state."""
        values = values if isinstance(values, list | tuple) else (values,)
        self.count(len(values))
        for value in values:
            if isinstance(value, str | bytes | bytearray | memoryview):
                self._left_to_make -= len(value)
                if self._left_to_make < 0:
                    raise TooMuch("it makes far more data than it holds")
            elif isinstance(value, list | tuple | dict):
                self.count(len(value))

    def _check_items(self, target: Any, items: list) -> None:
        """Checks the keys that are to go into a dict; `items` holds key, value, key, value, ..."""
        if not isinstance(target, dict):
            raise Refused("items of an object that is not a dict")
        for key in items[::2]:
            if isinstance(key, int) and -_INT32 <= key < _INT32:
                self._numbers_as_keys += 1
                if self._numbers_as_keys > _MOST_NUMBERS_AS_KEYS:
                    raise TooMuch(f"more than {_MOST_NUMBERS_AS_KEYS} numbers as keys of dicts")
            elif not isinstance(key, str | bytes | None):
                raise Refused("keys that are neither text nor small whole numbers")

    def load_dict(self):
        self._check_items({}, self.stack)
        super().load_dict()

    def load_setitem(self):
        self._check_items(self.stack[-3], self.stack[-2:])
        super().load_setitem()

    def load_setitems(self):
        self._check_items(self.metastack[-1][-1], self.stack)
        super().load_setitems()

    def load_append(self):
        self._check_list(self.stack[-2])
        super().load_append()

    def load_appends(self):
        self._check_list(self.metastack[-1][-1])
        super().load_appends()

    def _check_list(self, target: Any) -> None:
        if not isinstance(target, list):
            raise Refused("elements of an object that is not a list")

    def load_set(self):
        raise Refused("sets")

    def load_bytearray8(self):
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def load_put(self):
        self._put(int(self.readline()[:-1]))

    def load_binput(self):
        self._put(self.read(1)[0])

    def load_long_binput(self):
        self._put(int.from_bytes(self.read(4), "little"))

    def _put(self, number: int) -> None:
        """Stores the top of the stack in the memo; the numbers of a real pickle are in order."""
        if not 0 <= number <= len(self.memo) + 1:
            self._strays += 1
            if number < 0 or self._strays > _MOST_STRAYS:
                raise TooMuch("the numbers of its memo are out of order")
        self.memo[number] = self.stack[-1]

    def load_reduce(self):
        self._count_arguments(self.stack[-1])
        super().load_reduce()

    def load_build(self):
        if isinstance(self.stack[-2], type):
            raise Refused("attributes of a class")
        self._count_arguments(self.stack[-1])
        super().load_build()

    def load_inst(self):
        self._count_arguments(self.stack)
        super().load_inst()

    def load_obj(self):
        self._count_arguments(self.stack)
        super().load_obj()

    def load_newobj(self):
        self._count_arguments(self.stack[-1])
        super().load_newobj()

    def load_newobj_ex(self):
        raise Refused("objects made with named arguments")

    dispatch: ClassVar[dict] = {
        **pickle._Unpickler.dispatch,
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.EMPTY_SET[0]: load_set,
        pickle.FROZENSET[0]: load_set,
        pickle.ADDITEMS[0]: load_set,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.PUT[0]: load_put,
        pickle.BINPUT[0]: load_binput,
        pickle.LONG_BINPUT[0]: load_long_binput,
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.INST[0]: load_inst,
        pickle.OBJ[0]: load_obj,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
    }


class _Counted:
    """The unpickler's table of operations, which counts each operation looked up in it."""

    def __init__(self, unpickler: Unpickler):
        self._count, self._table = unpickler.count, unpickler.dispatch

    def __getitem__(self, code: int) -> Callable:
        self._count(1)
        return self._table[code]


class _Bounded:
    """A file from which at most `most_bytes` can be read.

    Reading takes memory for the bytes in the file, however many a number in the file asks for.
    """

    def __init__(self, file: BinaryIO, most_bytes: int):
        self._file, self._left = file, most_bytes

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self._left:
            raise EOFError("it is cut short or too large")
        return self._counted(self._file.read(size))

    def readinto(self, buffer: bytearray) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readline(self) -> bytes:
        line = self._counted(self._file.readline(self._left))
        if not line.endswith(b"\n"):
            raise EOFError("it is cut short or too large")
        return line

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        return content

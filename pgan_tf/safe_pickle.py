"""Reading pickles of strangers: arrays and plain values come in, nothing is executed.

A pickle is a program, and Python's own loader calls whatever function the program names. This
one knows seven names, which NumPy's pickles and Python 2's strings use, and answers each with a
stand-in of its own that can build an array, a dtype or bytes and nothing else. Any other name is
refused. Plain values (None, numbers, strings, bytes, tuples, lists, dicts) need no name.

Nor does a small program take much memory or time: what it reads, what it makes, its operations
and its dicts with numbers for keys are bounded.

A format that holds pickles of further classes gives stand-ins for them:

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

MOST_BYTES = 512 << 20  # of a pickle; three official networks of 1024x1024 have 280 million

_MOST_OPERATIONS = 1 << 21  # CIFAR-100 takes half a million
_MOST_NUMBERS_AS_KEYS = 1 << 12  # numbers can be chosen so that all fall into one place of a dict
_MOST_STRAYS = 1 << 10  # numbers in the memo that are out of order; they are keys too
_INT32, _INT64 = 1 << 31, 1 << 63  # compared with, not computed: numbers may be very long
_SMALL = 1 << 20  # bytes that may be made beyond twice the size of the file


def load(
    source: str | os.PathLike | BinaryIO,
    stand_ins: Mapping[tuple[str, str], Callable] | None = None,
    most_bytes: int = MOST_BYTES,
) -> Any:
    """Reads a pickle, of Python 2 or 3, that holds arrays and plain values.

    Python 2's strings become `str`, decoded as Latin-1. Names of NumPy's modules may be old
    (`numpy.core`) or new (`numpy._core`).

    Args:
      source: the file's path, local or anything that `tf.io.gfile` accepts; or an open file, which
        is read from where it stands and then stands behind the pickle.
      stand_ins: further names that the pickle may use, (module, name), and the class or function
        of ours that stands in for each. It gets whatever the pickle passes, so it must be
        harmless: a class that does no more than keep its state, or `Dictionary`, say.
      most_bytes: the largest size of the pickle; all that is made of it takes twice as much.
    Returns: the value; arrays are of a subclass of np.ndarray without further meaning.
    Raises: UserError, one line that names the file, when it asks for anything else, is larger or
      is damaged; OSError.
    """
    if not isinstance(source, str | os.PathLike):
        return _load(source, stand_ins, most_bytes, getattr(source, "name", "the pickle"))
    path = os.fspath(source)
    with storage.open_binary(path) as file:
        size = storage.size(path)
        if size > most_bytes:
            raise UserError(f"{path} is no such pickle: {size} bytes, at most {most_bytes} allowed")
        if storage.is_remote(path):  # such files have no lines of bounded length
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
            f"{name} asks for {error}, which is neither an array nor a plain value: refused,"
            " nothing was executed"
        ) from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged ones raise two dozen kinds
        raise UserError(f"{name} is no complete pickle of arrays ({one_line(error)})") from None


def as_array(value: Any) -> np.ndarray:
    """Returns a pickle's array as it is, or its list of n whole numbers as int64 [n].

    Raises: ValueError for anything else: nested lists may be larger than memory.
    """
    if isinstance(value, list) and all(isinstance(n, int) and -_INT64 <= n < _INT64 for n in value):
        return np.array(value, np.int64)
    if not isinstance(value, np.ndarray):
        raise ValueError("neither an array nor a list of whole numbers")
    return np.asarray(value)


class TooMuch(ValueError):  # noqa: N818
    """The pickle is larger than allowed, or takes far more than its size."""


class Unpickler(pickle._Unpickler):
    """What `load` reads with; for formats that hold pickles among other things.

    Python's unpickler in Python: that in C can be made to take all memory by a large number in
    its memo, and to end the process by a deeply nested key of a dict.

    Args:
      file: is read from where it stands, to the end of one pickle.
      stand_ins, most_bytes: see `load`.
    Raises `Refused` for names that are not allowed, and, when the pickle is damaged, anything.
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
        # Twice: protocols 0 to 2 of Python 3 make an array's bytes of a text, then the array.
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
        """Counts operations. Raises: TooMuch."""
        self._operations += operations
        if self._operations > _MOST_OPERATIONS:
            raise TooMuch(f"more than {_MOST_OPERATIONS} operations")

    def _count_arguments(self, values) -> None:
        """Counts what a function may make of its arguments, or an object of its state."""
        values = values if isinstance(values, list | tuple) else (values,)
        self.count(len(values))
        for value in values:
            if isinstance(value, str | bytes | bytearray | memoryview):
                self._left_to_make -= len(value)
                if self._left_to_make < 0:
                    raise TooMuch("it makes far more than it holds")
            elif isinstance(value, list | tuple | dict):
                self.count(len(value))

    def _check_items(self, target: Any, items: list) -> None:
        """Checks keys and values, one after the other, that are to go into a dict."""
        if not isinstance(target, dict):
            raise Refused("items of what is no dict")
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
            raise Refused("elements of what is no list")

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
        """Keeps what is on top of the stack for later; numbers come in order in any real pickle."""
        if not 0 <= number <= len(self.memo) + 1:
            self._strays += 1
            if number < 0 or self._strays > _MOST_STRAYS:
                raise TooMuch("numbers of its memo that are out of order")
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
        raise Refused("objects made by named arguments")

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
    """The table of operations; each one that is looked up, to be carried out, counts."""

    def __init__(self, unpickler: Unpickler):
        self._count, self._table = unpickler.count, unpickler.dispatch

    def __getitem__(self, code: int) -> Callable:
        self._count(1)
        return self._table[code]


class _Bounded:
    """A file of which no more than a number of bytes can be read.

    Reading from it never takes the memory that a number in the file asks for, only what is there.
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

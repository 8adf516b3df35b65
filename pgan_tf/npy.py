"""Arrays in NumPy's `.npy` format, read without taking more memory than the file has bytes.

NumPy's own reader takes the memory that the header asks for before it looks at the data, and
evaluates the header as Python.
"""

import math
import re
from typing import NamedTuple

import numpy as np

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # bytes, as NumPy's own reader has it
LONGEST_START = _LONGEST_HEADER + 12
"""The most bytes before the numbers."""
_HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<>|=]?[biufcSU]\d{1,6}|[<>|=]?\?)', "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}L?, ?)*(?:\d{1,18}L?)?)\),? ?\}\s*",
    re.ASCII,
)


class Header(NamedTuple):
    """What a `.npy` file says of its array.

    Attributes:
      start: where the numbers begin, in bytes.
      order: "C" or "F", as NumPy names the orders of the numbers.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    order: str
    start: int

    @property
    def num_bytes(self) -> int:
        """Of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def header(content: bytes, size: int) -> Header:
    """Returns what a `.npy` file of `size` bytes says of its array.

    Args:
      content: the beginning of the file, at least `LONGEST_START` bytes if it has so many.
    Raises: ValueError when it is damaged, or of anything but numbers, booleans or text.
    """
    if content[:6] != _MAGIC or len(content) < 12 or content[6] not in (1, 2, 3):
        raise ValueError("it does not begin as one")
    start = 10 if content[6] == 1 else 12
    end = start + int.from_bytes(content[8:start], "little")
    if not end <= len(content) or end - start > _LONGEST_HEADER:
        raise ValueError("its header is cut short or too long")
    text = _HEADER.fullmatch(content[start:end].decode("latin1"))
    if not text:
        raise ValueError("its header is none of an array of numbers or text")
    try:
        dtype = np.dtype(text["dtype"])
    except TypeError:
        raise ValueError(f"its header names a type {text['dtype']}") from None
    shape = tuple(int(n) for n in re.findall(r"\d+", text["shape"]))
    found = Header(dtype, shape, "F" if text["fortran"] == "True" else "C", end)
    if len(shape) > 32 or found.num_bytes != size - end:
        raise ValueError(f"{size - end} bytes don't make {dtype} of shape {str(list(shape))[:80]}")
    if math.prod(shape) and not dtype.itemsize:
        raise ValueError("it holds text of no length")
    return found


def read(content: bytes) -> np.ndarray:
    """Returns the array that the content of a `.npy` file holds: numbers, booleans or text.

    Raises: ValueError when it is damaged, or holds anything else.
    """
    dtype, shape, order, start = header(content, len(content))
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order=order).copy(order="A")

"""A safe reader of NumPy's `.npy` format, which takes no more memory than the file has bytes.

NumPy's own reader allocates the memory that the header asks for before it reads the data, and
evaluates the header as Python.
"""

import math
import re
from typing import NamedTuple

import numpy as np

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # bytes; the limit of NumPy's own reader
LONGEST_START = _LONGEST_HEADER + 12
"""Bytes before the numbers, at most."""
_HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<>|=]?[biufcSU]\d{1,6}|[<>|=]?\?)', "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}L?, ?)*(?:\d{1,18}L?)?)\),? ?\}\s*",
    re.ASCII,
)


class Header(NamedTuple):
    """The header of a `.npy` file, which describes its array.

    Attributes:
      dtype, shape: the array's.
      order: order of the numbers, NumPy's "C" or "F".
      start: offset of the numbers in the file, in bytes.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    order: str
    start: int

    @property
    def num_bytes(self) -> int:
        """Size of the numbers, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def header(content: bytes, size: int) -> Header:
    """Returns the header of a `.npy` file.

    Args:
      content: the beginning of the file: `LONGEST_START` bytes, or all of a shorter file.
      size: the file's size in bytes.
    Raises: ValueError when the file is damaged, or its array isn't of numbers, booleans or text.
    """
    if content[:6] != _MAGIC or len(content) < 12 or content[6] not in (1, 2, 3):
        raise ValueError("it does not begin like one")
    start = 10 if content[6] == 1 else 12
    end = start + int.from_bytes(content[8:start], "little")
    if not end <= len(content) or end - start > _LONGEST_HEADER:
        raise ValueError("its header is cut short or too long")
    text = _HEADER.fullmatch(content[start:end].decode("latin1"))
    if not text:
        raise ValueError("its header does not describe an array of numbers or text")
    try:
        dtype = np.dtype(text["dtype"])
    except TypeError:
        raise ValueError(f"its header names an unknown type {text['dtype']}") from None
    shape = tuple(int(n) for n in re.findall(r"\d+", text["shape"]))
    result = Header(dtype, shape, "F" if text["fortran"] == "True" else "C", end)
    if len(shape) > 32 or result.num_bytes != size - end:
        raise ValueError(f"{size - end} bytes don't make {dtype} of shape {str(list(shape))[:80]}")
    if math.prod(shape) and not dtype.itemsize:
        raise ValueError("it holds texts of length 0")
    return result


def read(content: bytes) -> np.ndarray:
    """Returns the array in a `.npy` file's content: numbers, booleans or text.

    Raises: ValueError when the content is damaged, or holds anything else.
    """
    dtype, shape, order, start = header(content, len(content))
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order=order).copy(order="A")

"""Arrays in NumPy's `.npy` format, read without taking more memory than the file has bytes.

NumPy's own reader takes the memory that the header asks for before it looks at the data, and
evaluates the header as Python.
"""

import math
import re

import numpy as np

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # bytes, as NumPy's own reader has it
_HEADER = re.compile(
    r"\{'descr': '(?P<dtype>[<>|=]?[biufcSU]\d{1,6}|[<>|=]?\?)', "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,18}L?, ?)*(?:\d{1,18}L?)?)\),? ?\}\s*",
    re.ASCII,
)


def read(content: bytes) -> np.ndarray:
    """Returns the array that the content of a `.npy` file holds: numbers, booleans or text.

    Raises: ValueError when it is damaged, or holds anything else.
    """
    if content[:6] != _MAGIC or len(content) < 12 or content[6] not in (1, 2, 3):
        raise ValueError("it does not begin as one")
    start = 10 if content[6] == 1 else 12
    end = start + int.from_bytes(content[8:start], "little")
    if not end <= len(content) or end - start > _LONGEST_HEADER:
        raise ValueError("its header is cut short or too long")
    header = _HEADER.fullmatch(content[start:end].decode("latin1"))
    if not header:
        raise ValueError("its header is none of an array of numbers or text")
    try:
        dtype = np.dtype(header["dtype"])
    except TypeError:
        raise ValueError(f"its header names a type {header['dtype']}") from None
    shape = tuple(int(n) for n in re.findall(r"\d+", header["shape"]))
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(content) - end:
        raise ValueError(
            f"{len(content) - end} bytes don't make {dtype} of shape {str(list(shape))[:80]}"
        )
    if math.prod(shape) and not dtype.itemsize:
        raise ValueError("it holds text of no length")
    order = "F" if header["fortran"] == "True" else "C"
    return np.frombuffer(content, dtype, offset=end).reshape(shape, order=order).copy(order="A")

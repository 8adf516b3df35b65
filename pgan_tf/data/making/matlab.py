"""Reads arrays from MATLAB files (format 5: versions 5 to 7.2), as far as SVHN needs it.

A file is a header of 128 bytes followed by one element per variable. An element is a tag (type and
number of bytes, uint32 each) and its content, which may be compressed by zlib. An array's content
consists of elements too: class and flags, dimensions, name, numbers. Sizes in the file are not
trusted: they are checked against limits before memory is allocated. (SciPy's reader crashes on some
damaged files.)
"""

import math
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError, one_line

_HEADER_BYTES = 128
_MOST_BYTES = 512 << 20  # size of all arrays; SVHN's training set has 225 million bytes
_MOST_VARIABLES = 1000
_MOST_DIMENSIONS = 8
_LONGEST_NAME = 64  # bytes; MATLAB allows 63 characters
_READ_BYTES = 1 << 18  # bytes to read at a time

_MATRIX, _COMPRESSED = 14, 15  # types of elements
_UINT32, _INT32, _INT8 = 6, 5, 1
_NUMBERS = {  # NumPy types of the elements that hold numbers
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_NUMERIC_CLASSES = range(6, 16)  # classes of arrays: double, single, int8, uint8, ..., uint64
_COMPLEX = 0x0800  # flag of a complex array


def read_house_numbers(path: str, origin: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and classes of SVHN's `*_32x32.mat`.

    Args:
      path: the file.
      origin: where to fetch it again, for the message.
    Returns: X transposed to [N, C, H, W] if it has four axes, and y flattened to [N], with 0 for
      the digit 0. Shapes, types and values are not checked.
    Raises: UserError if the file can't be read.
    """
    try:
        with storage.open_binary(path) as file:
            arrays = read_arrays(file, ("X", "y"), _MOST_BYTES)
    except (ValueError, OSError) as error:
        what = getattr(error, "strerror", None) or one_line(error)
        raise UserError(f"{path} can't be read ({what}); fetch it again from {origin}") from None
    images, classes = arrays["X"], arrays["y"].reshape(-1)
    if images.ndim == 4:
        images = np.ascontiguousarray(images.transpose(3, 2, 0, 1))
    if classes.dtype.kind == "f" and np.isin(classes, np.arange(11)).all():
        classes = classes.astype(np.int64)
    return images, classes % 10  # SVHN labels the digit 0 as 10


def read_arrays(file: BinaryIO, names: Collection[str], most_bytes: int) -> dict[str, np.ndarray]:
    """Returns {name: array of numbers}, in the types in which they are stored.

    Args:
      file: the file, at its beginning.
      names: names of the variables to read; others are skipped.
      most_bytes: largest size of all these arrays together.
    Raises: ValueError if a variable is missing, or the file is damaged or of another format.
    """
    order = _byte_order(file.read(_HEADER_BYTES))
    left, found = most_bytes, {}
    for number, content in enumerate(_variables(file, order)):
        name, array = _array(content, names, left)
        if array is not None:
            found.setdefault(name, array)
            left -= array.nbytes
        if number == _MOST_VARIABLES or len(found) == len(set(names)):
            break
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"it has no variable {missing[0]}")
    return found


def _byte_order(header: bytes) -> str:
    """Returns the byte order, "<" or ">", from a file's header. Raises: ValueError."""
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    version = int.from_bytes(header[124:126], "little" if order == "<" else "big")
    if order and version == 0x0200:
        raise ValueError("it is a MATLAB file of version 7.3; save it with -v7")
    if not order or version != 0x0100:
        raise ValueError("it is not a MATLAB file of version 5 to 7.2")
    return order


class _Content:
    """Reads an element's content from beginning to end."""

    def __init__(self, file: BinaryIO, num_bytes: int, order: str):
        self.order = order
        self._file, self._left = file, num_bytes

    def read_into(self, out: memoryview) -> None:
        """Fills `out`. Raises: ValueError if too few bytes are left."""
        piece = self._file.read(len(out)) if len(out) <= self._left else b""
        if len(piece) != len(out):
            raise ValueError("it is cut short")
        out[:] = piece
        self._left -= len(piece)

    def read(self, count: int) -> bytes:
        """Returns the next `count` bytes. Raises: ValueError if fewer are left."""
        out = bytearray(count)
        self.read_into(memoryview(out))
        return bytes(out)

    def numbers(self, code: str, count: int) -> np.ndarray:
        """Returns the next `count` numbers of a NumPy type code, in the file's byte order."""
        out = np.empty(count, self.order + code)
        for start in range(0, out.nbytes, _READ_BYTES):
            self.read_into(memoryview(out.view(np.uint8))[start : start + _READ_BYTES])
        return out

    def tag(self) -> tuple[int, int, bytes]:
        """Returns an element's type, its number of bytes, and the content if the tag holds it."""
        first, second = self.numbers("u4", 2).tolist()
        if first >> 16 > 4:
            raise ValueError("it is damaged")
        if first >> 16:  # a short element: the tag itself holds its bytes
            content = np.array(second, f"{self.order}u4").tobytes()
            return first & 0xFFFF, first >> 16, content[: first >> 16]
        return first, second, b""

    def element(self, type_: int, most_bytes: int) -> bytes:
        """Returns the content of the next element, which must be of this type and size.

        Raises: ValueError.
        """
        found, count, content = self.tag()
        if found != type_ or count > most_bytes:
            raise ValueError("it is damaged")
        if not content:
            content = self.read(count)
            self.read(-count % 8)
        return content

    def finish(self) -> None:
        """Checks the end of the content. Raises: ValueError if compressed data are damaged."""


class _Packed(_Content):
    """Reads a compressed element's content, decompressing no more than is requested."""

    def __init__(self, file: BinaryIO, num_bytes: int, order: str):
        super().__init__(file, num_bytes, order)
        self._unpacker, self._pending = zlib.decompressobj(), b""

    def read_into(self, out: memoryview) -> None:
        done = 0
        while done < len(out):
            piece = self._next_piece(len(out) - done)
            out[done : done + len(piece)] = piece
            done += len(piece)

    def _next_piece(self, most_bytes: int) -> bytes:
        if not self._pending:
            self._pending = self._file.read(min(self._left, _READ_BYTES))
            self._left -= len(self._pending)
            if not self._pending or self._unpacker.eof:
                raise ValueError("it is cut short")
        try:
            piece = self._unpacker.decompress(self._pending, most_bytes)
        except zlib.error as error:
            raise ValueError(f"its packed data are damaged: {error}") from None
        self._pending = self._unpacker.unconsumed_tail
        return piece

    def finish(self) -> None:
        """Reads on to the checksum at the end of the compressed data."""
        left = 8  # bytes of padding
        while not self._unpacker.eof:
            left -= len(self._next_piece(left))
            if not left:
                raise ValueError("it holds more than its dimensions say")


def _variables(file: BinaryIO, order: str) -> Iterator[_Content]:
    """Yields each variable's content. The caller need not read it to its end."""
    position = file.tell()
    while tag := file.read(8):
        kind, count = np.frombuffer(
            tag.ljust(8, b"\0"), np.dtype("u4").newbyteorder(order)
        ).tolist()
        if len(tag) < 8 or kind not in (_MATRIX, _COMPRESSED):
            raise ValueError("it is damaged or cut short")
        if kind == _MATRIX:
            yield _Content(file, count, order)
        else:
            content = _Packed(file, count, order)
            if content.tag()[0] != _MATRIX:
                raise ValueError("it is damaged")
            yield content
        position += 8 + count
        file.seek(position)


def _array(
    content: _Content, names: Collection[str], most_bytes: int
) -> tuple[str, np.ndarray | None]:
    """Returns a variable's name, and its array if the name is one of `names`."""
    order = content.order
    flags = np.frombuffer(content.element(_UINT32, 8).ljust(8, b"\0"), f"{order}u4")[0]
    dims = np.frombuffer(content.element(_INT32, 4 * _MOST_DIMENSIONS), f"{order}i4")
    name = content.element(_INT8, _LONGEST_NAME).decode("latin1")
    if name not in names:
        return name, None
    type_, count, short = content.tag()
    shape = dims.tolist()
    if int(flags) & 0xFF not in _NUMERIC_CLASSES or flags & _COMPLEX or type_ not in _NUMBERS:
        raise ValueError(f"{name} is not an array of numbers")
    size = np.dtype(_NUMBERS[type_]).itemsize
    if min(shape, default=0) < 0 or math.prod(shape) * size != count:
        raise ValueError(f"{name} has {count} bytes, which do not make {shape} numbers")
    if count > most_bytes:
        raise ValueError(f"{name} has {count} bytes, but at most {most_bytes} are allowed")
    if short:
        numbers = np.frombuffer(short, f"{order}{_NUMBERS[type_]}")
    else:
        numbers = content.numbers(_NUMBERS[type_], count // size)
    content.finish()
    native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    return name, native.reshape(shape, order="F")

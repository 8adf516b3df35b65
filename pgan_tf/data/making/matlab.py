"""Arrays in MATLAB's files (format 5: versions 5 to 7.2), as much of it as SVHN needs.

A file is a header of 128 bytes and then elements, one a variable: a tag (type and number of bytes,
uint32 each) and its content, which may be packed by zlib. An array's content is itself elements:
class and flags, dimensions, name, numbers. Nothing is taken on trust: sizes are compared with what
is allowed before memory is taken. (SciPy's reader crashes on some damaged files.)
"""

import math
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError, one_line

_HEADER_BYTES = 128
_MOST_BYTES = 512 << 20  # of SVHN's arrays; its training set has 225 million
_MOST_VARIABLES = 1000
_MOST_DIMENSIONS = 8
_LONGEST_NAME = 64  # bytes; MATLAB allows 63 characters
_READ_BYTES = 1 << 18  # of packed data, at a time

_MATRIX, _COMPRESSED = 14, 15  # types of elements
_UINT32, _INT32, _INT8 = 6, 5, 1
_NUMBERS = {  # types of elements that hold numbers
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_NUMERIC_CLASSES = range(6, 16)  # of arrays: double, single, int8, uint8, ..., uint64
_COMPLEX = 0x0800  # flag of an array


def read_house_numbers(path: str, origin: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and classes of SVHN's `*_32x32.mat`.

    Args:
      path: the file.
      origin: where to get it again, for the message.
    Returns: X as [N, C, H, W], whatever these are, and y as numbers [N], with 0 for the digit 0.
    Raises: UserError when the file can't be read.
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
    return images, classes % 10  # there, a 0 has the label 10


def read_arrays(file: BinaryIO, names: Collection[str], most_bytes: int) -> dict[str, np.ndarray]:
    """Returns arrays of numbers by their names, in the types in which they are stored.

    Args:
      file: at its beginning.
      names: of the variables; others are not looked at.
      most_bytes: of all these arrays together.
    Raises: ValueError when one is missing, the file is damaged, or it is of another format.
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
    """Returns "<" or ">". Raises: ValueError unless it is the header of such a file."""
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    version = int.from_bytes(header[124:126], "little" if order == "<" else "big")
    if order and version == 0x0200:
        raise ValueError("it is of MATLAB's version 7.3; save it with -v7")
    if not order or version != 0x0100:
        raise ValueError("it is no MATLAB file of version 5 to 7.2")
    return order


class _Content:
    """The content of an element, which is read from its beginning to its end."""

    def __init__(self, file: BinaryIO, num_bytes: int, order: str):
        self.order = order
        self._file, self._left = file, num_bytes

    def read_into(self, out: memoryview) -> None:
        """Fills `out`. Raises: ValueError when there is less."""
        piece = self._file.read(len(out)) if len(out) <= self._left else b""
        if len(piece) != len(out):
            raise ValueError("it is cut short")
        out[:] = piece
        self._left -= len(piece)

    def read(self, count: int) -> bytes:
        """Returns so many bytes. Raises: ValueError when there are less."""
        out = bytearray(count)
        self.read_into(memoryview(out))
        return bytes(out)

    def numbers(self, code: str, count: int) -> np.ndarray:
        """Returns some numbers of a NumPy type in the file's byte order."""
        out = np.empty(count, self.order + code)
        for start in range(0, out.nbytes, _READ_BYTES):
            self.read_into(memoryview(out.view(np.uint8))[start : start + _READ_BYTES])
        return out

    def tag(self) -> tuple[int, int, bytes]:
        """Returns an element's type, number of bytes, and content if that is in the tag."""
        first, second = self.numbers("u4", 2).tolist()
        if first >> 16 > 4:
            raise ValueError("it is damaged")
        if first >> 16:  # so many bytes are in the tag itself
            content = np.array(second, f"{self.order}u4").tobytes()
            return first & 0xFFFF, first >> 16, content[: first >> 16]
        return first, second, b""

    def element(self, type_: int, most_bytes: int) -> bytes:
        """Returns the content of an element of this type. Raises: ValueError for another."""
        found, count, content = self.tag()
        if found != type_ or count > most_bytes:
            raise ValueError("it is damaged")
        if not content:
            content = self.read(count)
            self.read(-count % 8)
        return content

    def finish(self) -> None:
        """Is called after the array. Raises: ValueError when the packed data are damaged."""


class _Packed(_Content):
    """The same, unpacked; never more at a time than what is asked for."""

    def __init__(self, file: BinaryIO, num_bytes: int, order: str):
        super().__init__(file, num_bytes, order)
        self._unpacker, self._pending = zlib.decompressobj(), b""

    def read_into(self, out: memoryview) -> None:
        done = 0
        while done < len(out):
            piece = self._some(len(out) - done)
            out[done : done + len(piece)] = piece
            done += len(piece)

    def _some(self, most_bytes: int) -> bytes:
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
        """Goes on to the end of the packed data, where their checksum is."""
        left = 8  # of padding
        while not self._unpacker.eof:
            left -= len(self._some(left))
            if not left:
                raise ValueError("there is more than its dimensions say")


def _variables(file: BinaryIO, order: str) -> Iterator[_Content]:
    """Yields the content of each variable, which need not be read to its end."""
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
    """Returns the name of a variable, and its array if it is one of the wanted."""
    order = content.order
    flags = np.frombuffer(content.element(_UINT32, 8).ljust(8, b"\0"), f"{order}u4")[0]
    dims = np.frombuffer(content.element(_INT32, 4 * _MOST_DIMENSIONS), f"{order}i4")
    name = content.element(_INT8, _LONGEST_NAME).decode("latin1")
    if name not in names:
        return name, None
    type_, count, short = content.tag()
    shape = dims.tolist()
    if int(flags) & 0xFF not in _NUMERIC_CLASSES or flags & _COMPLEX or type_ not in _NUMBERS:
        raise ValueError(f"{name} is no array of numbers")
    size = np.dtype(_NUMBERS[type_]).itemsize
    if min(shape, default=0) < 0 or math.prod(shape) * size != count:
        raise ValueError(f"{name}: {count} bytes are not {shape} numbers")
    if count > most_bytes:
        raise ValueError(f"{name} has {count} bytes, and {most_bytes} are allowed")
    if short:
        numbers = np.frombuffer(short, f"{order}{_NUMBERS[type_]}")
    else:
        numbers = content.numbers(_NUMBERS[type_], count // size)
    content.finish()
    native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    return name, native.reshape(shape, order="F")

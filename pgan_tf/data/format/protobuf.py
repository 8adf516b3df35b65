"""The part of protocol buffers that this program needs; memory is bounded, nothing is copied.

A message is a sequence of fields. Each field is a tag (field number << 3 | wire type) as a varint,
then content whose form the wire type determines.
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5  # wire types; groups are refused
_FIXED_BYTES = {FIXED_64: 8, FIXED_32: 4}


class Field(NamedTuple):
    """A field of a message.

    Attributes:
      number: the field's number.
      wire: its wire type.
      start, end: offsets of its content.
      value: the number in a varint field, unsigned; otherwise 0.
    """

    number: int
    wire: int
    start: int
    end: int
    value: int


def fields(view: memoryview, start: int, end: int, most: int) -> Iterator[Field]:
    """Yields the fields of the message view[start:end].

    Raises: ValueError when it is damaged or has more than `most` fields. Without that limit, small
      fields would take far more memory and time than their bytes.
    """
    count = 0
    while start < end:
        tag, start = read_varint(view, start, end)
        number, wire, value = tag >> 3, tag & 7, 0
        if wire == VARINT:
            value, stop = read_varint(view, start, end)
        elif wire == LENGTH_DELIMITED:
            length, start = read_varint(view, start, end)
            stop = start + length
        elif wire in _FIXED_BYTES:
            stop = start + _FIXED_BYTES[wire]
        else:
            raise ValueError(f"wire type {wire}")
        count += 1
        if stop > end:
            raise ValueError("a field that reaches beyond its message")
        if count > most:
            raise ValueError(f"more than {most} fields in a message")
        yield Field(number, wire, start, stop, value)
        start = stop


def read_varint(view: memoryview, start: int, end: int) -> tuple[int, int]:
    """Returns the varint at `start`, at most 64 bits, and the offset after it.

    Raises: ValueError when it is cut short or too long.
    """
    value = shift = 0
    while start < end and shift < 64:
        byte = view[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, start
    raise ValueError("a number that is cut short or too long")


def varint(value: int) -> bytes:
    """Returns a number as a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """Returns a length-delimited field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(len(content)) + content

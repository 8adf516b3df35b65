"""The record format: an image as a `tf.train.Example` in TFRecord framing (section 4.1).

A record file is a sequence of

    length    uint64, little-endian: bytes of the payload
    crc       uint32: masked CRC-32C of the eight length bytes
    payload   a serialized tf.train.Example
    crc       uint32: masked CRC-32C of the payload

The Example has two features: `data`, the image's bytes (uint8, channel-major), and `shape`, three
int64 (channels, height, width). The images of a level have one shape, so their records differ only
in the data and its checksum. This module therefore reads and writes a block of records as one 2-D
array of bytes.

Compressed records are an extension. Their `data` is the image as `codecs.py` compressed it, and a
third feature, `codec`, names the codec.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator

import google_crc32c
import numpy as np

from pgan_tf.data.format import protobuf

HEADER_BYTES = 12  # length and its checksum
FOOTER_BYTES = 4  # the payload's checksum

_BYTES_LIST, _INT64_LIST = 1, 3  # field numbers in tf.train.Feature
_MOST_FIELDS = 32  # allowed in a message; an image has three features
_LONGEST_NAME = 32  # bytes allowed for a feature's or a codec's name


class RecordError(Exception):
    """A record is damaged or invalid. The message says why; the caller adds file and number."""


def masked_crc(data) -> int:
    """Returns the TFRecord checksum of a bytes-like object: CRC-32C, rotated and offset."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crcs(rows: np.ndarray) -> np.ndarray:
    """Returns masked_crc of each row of a uint8 array [n, length], as uint32 [n]."""
    crc = np.fromiter(map(google_crc32c.value, rows), np.uint32, len(rows))
    return ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)


def _feature(name: bytes, kind: int, content: bytes) -> bytes:
    """Returns an entry of the map Features.feature: {key: name, value: {kind: {value: ...}}}."""
    value = protobuf.field(kind, protobuf.field(1, content))
    return protobuf.field(1, protobuf.field(1, name) + protobuf.field(2, value))


def example_bytes(data: bytes, shape: tuple[int, int, int], codec: str | None = None) -> bytes:
    """Returns the serialized Example of an image, byte for byte as the official tool makes it.

    Args:
      data: the image's bytes, channel-major, or the compressed image.
      shape: channels, height, width.
      codec: name of the codec, or None for plain bytes.
    """
    features = [_feature(b"shape", _INT64_LIST, b"".join(map(protobuf.varint, shape)))]
    features.append(_feature(b"data", _BYTES_LIST, data))
    if codec is not None:
        features.append(_feature(b"codec", _BYTES_LIST, codec.encode()))
    return protobuf.field(1, b"".join(features))


def frame(payload: bytes) -> bytes:
    """Returns the payload as a record, framed by its length and checksums."""
    length = len(payload).to_bytes(8, "little")
    header = length + masked_crc(length).to_bytes(4, "little")
    return header + payload + masked_crc(payload).to_bytes(4, "little")


def framed_length(header: bytes) -> int:
    """Returns the payload's length from a record's first HEADER_BYTES bytes.

    Raises: RecordError when the header is too short or its checksum is wrong.
    """
    if len(header) < HEADER_BYTES:
        raise RecordError("the record is cut short")
    if masked_crc(header[:8]) != int.from_bytes(header[8:12], "little"):
        raise RecordError("not a TFRecord file, or its length field is damaged")
    return int.from_bytes(header[:8], "little")


@dataclasses.dataclass(frozen=True)
class Example:
    """The shape and codec in a serialized Example, and where in it the image's data are."""

    shape: tuple[int, int, int]
    codec: str | None
    data_start: int
    data_length: int


def parse_example(payload: bytes) -> Example:
    """Parses a serialized Example of an image; features may come in any order.

    Raises: RecordError when it is not an Example, or a feature is missing or of the wrong type.
    """
    found = {}
    view = memoryview(payload)
    try:
        for _, start, end in _walk(view, 0, len(view), {1}):  # Example.features
            for _, entry, entry_end in _walk(view, start, end, {1}):  # Features.feature
                parts = {n: (a, b) for n, a, b in _walk(view, entry, entry_end, {1, 2})}
                name = bytes(view[slice(*parts[1])][:_LONGEST_NAME]).decode()
                for kind, a, b in _walk(view, *parts[2], {1, 2, 3}):
                    found[name] = (kind, a, b)
        kind, a, b = found["shape"]
        shape = tuple(_int64_list(view, a, b)) if kind == _INT64_LIST else ()
        kind, a, b = found["data"]
        ((_, data_start, data_end),) = _walk(view, a, b, {1})
        codec = None
        if "codec" in found:
            ((_, c, d),) = _walk(view, *found["codec"][1:], {1})
            codec = bytes(view[c : min(d, c + _LONGEST_NAME)]).decode()
    except (KeyError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise RecordError("not an image record (features 'shape' and 'data')") from error
    if kind != _BYTES_LIST or len(shape) != 3 or not all(0 < n < 1 << 31 for n in shape):
        raise RecordError("not an image record (features 'shape' and 'data')")
    return Example(shape, codec, data_start, data_end - data_start)


def _walk(
    view: memoryview, start: int, end: int, numbers: set[int]
) -> Iterator[tuple[int, int, int]]:
    """Yields (field number, start, end) of the length-delimited fields in view[start:end]."""
    for field in protobuf.fields(view, start, end, _MOST_FIELDS):
        if field.wire != protobuf.LENGTH_DELIMITED or field.number not in numbers:
            raise ValueError("a field that image records do not have")
        yield field.number, field.start, field.end


def _int64_list(view: memoryview, start: int, end: int) -> list[int]:
    """Returns the values of an Int64List, packed or not; _MOST_FIELDS limits their number."""
    values = []
    for field in protobuf.fields(view, start, end, _MOST_FIELDS):
        if field.number != 1:
            raise ValueError("a field that lists of numbers do not have")
        if field.wire == protobuf.VARINT:
            values.append(field.value)
            continue
        position = field.start
        while position < field.end and len(values) < _MOST_FIELDS:
            value, position = protobuf.read_varint(view, position, field.end)
            values.append(value)
    return values


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The layout of a level's plain records, which all have the same length.

    Attributes:
      template: a whole record, uint8 [length], whose image and last four bytes are arbitrary.
      shape: channels, height, width.
      data_start: offset of the image's first byte in the record.
    """

    template: np.ndarray
    shape: tuple[int, int, int]
    data_start: int

    @property
    def length(self) -> int:
        """Length of a record in bytes."""
        return len(self.template)

    @property
    def data_end(self) -> int:
        """Offset of the byte after the image's last byte."""
        return self.data_start + math.prod(self.shape)

    @classmethod
    def of_record(cls, record: bytes) -> "Layout":
        """Returns the layout of a file from its first record.

        Raises: RecordError unless it is a whole, plain image record. Its checksum is not checked.
        """
        length = framed_length(record[:HEADER_BYTES])
        if len(record) != HEADER_BYTES + length + FOOTER_BYTES:
            raise RecordError("the record is cut short")
        example = parse_example(record[HEADER_BYTES:-FOOTER_BYTES])
        if example.codec is not None or math.prod(example.shape) != example.data_length:
            raise RecordError(
                f"{example.data_length} bytes of data don't fit shape {list(example.shape)}"
            )
        template = np.frombuffer(record, np.uint8)
        return cls(template, example.shape, HEADER_BYTES + example.data_start)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Returns the records, uint8 [n, length], of uint8 images [n, channels, height, width]."""
        n = len(images)
        records = np.empty((n, self.length), np.uint8)
        records[:] = self.template
        records[:, self.data_start : self.data_end] = images.reshape(
            n, self.data_end - self.data_start
        )
        payload = records[:, HEADER_BYTES:-FOOTER_BYTES]
        crcs = masked_crcs(payload).astype("<u4")
        records[:, -FOOTER_BYTES:] = crcs.view(np.uint8).reshape(n, FOOTER_BYTES)
        return records

    def images(self, records: np.ndarray) -> np.ndarray:
        """Returns the images in records [n, length], as a view: uint8 [n, channels, h, w]."""
        return records[:, self.data_start : self.data_end].reshape(-1, *self.shape)

    def wrong_structure(self, records: np.ndarray) -> np.ndarray:
        """Returns which records [n, length] differ from the template outside the data: bool [n]."""
        before, after = slice(0, self.data_start), slice(self.data_end, -FOOTER_BYTES)
        return (records[:, before] != self.template[before]).any(1) | (
            records[:, after] != self.template[after]
        ).any(1)

    def wrong_checksum(self, records: np.ndarray) -> np.ndarray:
        """Returns which records [n, length] have a wrong payload checksum: bool [n]."""
        stored = np.ascontiguousarray(records[:, -FOOTER_BYTES:]).view("<u4")[:, 0]
        return masked_crcs(records[:, HEADER_BYTES:-FOOTER_BYTES]) != stored


@functools.cache
def layout(channels: int, resolution: int) -> Layout:
    """Returns the layout of the records that this program writes for square images."""
    shape = (channels, resolution, resolution)
    return Layout.of_record(frame(example_bytes(bytes(channels * resolution**2), shape)))

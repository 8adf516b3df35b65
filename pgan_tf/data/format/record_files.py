"""Files of a level's records, plain or compressed: random access and checks."""

import functools
import io
import os
import stat
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import codecs, records
from pgan_tf.data.format.records import FOOTER_BYTES, HEADER_BYTES, Layout, RecordError
from pgan_tf.errors import UserError, one_line

INDEX_SUFFIX = ".index"
_BLOCK_BYTES = 16 << 20  # read at a time when a file is checked
_SPARE_BYTES = 64 << 10  # allowed in a record beside its image


def open_file(path: str, resolution: int, remedy: str) -> "PlainFile | CompressedFile":
    """Opens a file of records of a resolution; `remedy` ends each error message.

    Raises: UserError when it can't be read, or its first record is not an image of the resolution.
    """
    try:
        if not storage.is_remote(path) and stat.S_ISFIFO(os.stat(path).st_mode):
            raise UserError(f"{path} is a pipe, not a file; {remedy}")
        first = _first_record(path, _most_bytes(resolution))
        payload = first[HEADER_BYTES:-FOOTER_BYTES]
        example = records.parse_example(payload)
        kind = PlainFile if example.codec is None else CompressedFile
        if example.shape[1:] != (resolution, resolution) or example.shape[0] not in (1, 3):
            shape = "x".join(map(str, example.shape))
            raise UserError(
                f"{path} holds images of {shape} (channels, height, width) instead of"
                f" {resolution}x{resolution}; {remedy}"
            )
        return kind(path, first, example, remedy)
    except RecordError as error:
        raise UserError(f"{path}: record 0: {error}; {remedy}") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}; {remedy}") from None


def _most_bytes(resolution: int) -> int:
    """Returns an upper limit for a record of this resolution, even of badly compressed noise."""
    return 2 * 3 * resolution**2 + _SPARE_BYTES


def _first_record(path: str, most_bytes: int) -> bytes:
    with storage.open_binary(path) as file:
        header = file.read(HEADER_BYTES)
        length = records.framed_length(header)
        if length > most_bytes:
            raise RecordError(f"it has {length} bytes, more than any image of this resolution")
        if HEADER_BYTES + length + FOOTER_BYTES > storage.size(path):
            raise RecordError("the record is cut short")
        return header + file.read(length + FOOTER_BYTES)


class _File:
    """Base class that reads bytes at an offset, from memory, disk or network.

    Files are never mapped into memory: if a mapped file were cut short, or its disk failed, the
    process would end without a message.

    Attributes:
      path: path of the file.
      shape: shape of its images, (C, r, r).
      codec: the codec that compressed the images, or None.
      count: number of records.
      num_bytes: size of the file.
    """

    def __init__(self, path: str, example: records.Example, remedy: str):
        self.path, self.shape, self.codec = path, example.shape, example.codec
        self.remedy = remedy
        self.num_bytes = storage.size(path)
        self.count = 0
        self._is_kept = False
        self._content: np.ndarray | None = None  # uint8 [num_bytes]
        self._lock = threading.Lock()

    def keep_in_memory(self) -> None:
        """Keeps a local file in memory from its first use on.

        Tiny records are gathered from memory much faster than by one system call each.
        """
        self._is_kept = not storage.is_remote(self.path)

    def _kept_content(self) -> np.ndarray | None:
        """Returns the whole file, uint8 [num_bytes], if it is kept in memory. Raises: UserError."""
        if self._is_kept and self._content is None:
            content = np.empty(self.num_bytes, np.uint8)
            self._read_into(content, 0)
            self._content = content
        return self._content

    @functools.cached_property
    def _file(self) -> BinaryIO:
        return storage.open_binary(self.path)

    @functools.cached_property
    def _descriptor(self) -> int | None:
        """Descriptor for reads at an offset, as threads would share a file's position.

        None where such reads are not possible.
        """
        if storage.is_remote(self.path) or not hasattr(os, "preadv"):
            return None
        return self._file.fileno()

    def read_into(self, buffer: np.ndarray, offset: int) -> None:
        """Fills a contiguous uint8 array with the bytes at an offset. Raises: UserError."""
        content = self._kept_content()
        if content is not None:
            buffer[:] = content[offset : offset + len(buffer)]
        else:
            self._read_into(buffer, offset)

    def _read_into(self, buffer: np.ndarray, offset: int) -> None:
        done, wanted = 0, len(buffer)
        while done < wanted:
            try:
                count = self._read_some(buffer[done:] if done else buffer, offset + done)
            except OSError as error:
                what = error.strerror or one_line(error)
                raise UserError(f"{self.path} can't be read: {what}; {self.remedy}") from None
            if count == 0:
                raise UserError(
                    f"{self.path} was cut short while it was in use; restore it, or {self.remedy}"
                )
            done += count

    def _read_some(self, buffer: np.ndarray, offset: int) -> int:
        if self._descriptor is not None:
            return os.preadv(self._descriptor, [buffer], offset)
        with self._lock:
            self._file.seek(offset)
            content = self._file.read(len(buffer))
        buffer[: len(content)] = np.frombuffer(content, np.uint8)
        return len(content)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields the records' numbers in order, int64 [n], in blocks of some megabytes."""
        step = max(1, _BLOCK_BYTES * self.count // self.num_bytes)
        for start in range(0, self.count, step):
            yield np.arange(start, min(start + step, self.count))

    def check_blocks(self) -> Iterator[int]:
        """Checks every record of this file; yields each block's number of records."""
        for positions in self.blocks():
            self.check(positions)
            yield len(positions)

    def fail(self, position: int, what: str) -> UserError:
        """Returns a UserError for the record at a position; `what` is wrong with it."""
        return UserError(f"{self.path}: record {position}: {what}; {self.remedy}")


class PlainFile(_File):
    """A file of plain records of equal length: record i starts at byte i * length."""

    def __init__(self, path: str, first: bytes, example: records.Example, remedy: str):
        super().__init__(path, example, remedy)
        self.layout = Layout.of_record(first)
        self.count, rest = divmod(self.num_bytes, self.layout.length)
        if rest:
            for _ in self.check_blocks():  # raises for the first record of another length
                pass
            raise UserError(
                f"{path} is {self.num_bytes} bytes, not a multiple of its records'"
                f" {self.layout.length}: record {self.count} is cut short; {remedy}"
            )

    def read(self, positions: np.ndarray, check: bool) -> np.ndarray:
        """Returns images, uint8 [n, C, r, r], as a view of records just read."""
        rows = self._rows(positions)
        if check:
            self._check_rows(rows, positions)
        return self.layout.images(rows)

    def check(self, positions: np.ndarray) -> None:
        """Raises UserError when one of the records is damaged."""
        self._check_rows(self._rows(positions), positions)

    def checksums(self) -> Iterator[np.ndarray]:
        """Yields the checksums of the records, uint32 [n], block by block."""
        for positions in self.blocks():
            rows = self._rows(positions)
            yield np.ascontiguousarray(rows[:, -FOOTER_BYTES:]).view("<u4")[:, 0]

    def _rows(self, positions: np.ndarray) -> np.ndarray:
        """Returns whole records, uint8 [n, length]."""
        length = self.layout.length
        content = self._kept_content()
        if content is not None:
            return content.reshape(self.count, length).take(positions, axis=0)
        rows = np.empty((len(positions), length), np.uint8)
        if len(positions) and (np.diff(positions) == 1).all():
            self._read_into(rows.reshape(-1), int(positions[0]) * length)
        else:
            for row, offset in zip(rows, (positions * length).tolist(), strict=True):
                self._read_into(row, offset)
        return rows

    def _check_rows(self, rows: np.ndarray, positions: np.ndarray) -> None:
        wrong_structure = self.layout.wrong_structure(rows)
        bad = wrong_structure | self.layout.wrong_checksum(rows)
        if bad.any():
            first = int(bad.argmax())
            what = "damaged, or its shape or length differs from the first record's"
            raise self.fail(
                int(positions[first]), what if wrong_structure[first] else "damaged: wrong checksum"
            )


class CompressedFile(_File):
    """A file of compressed records of various lengths, whose offsets are in an index file."""

    def __init__(self, path: str, first: bytes, example: records.Example, remedy: str):
        super().__init__(path, example, remedy)
        index = path + INDEX_SUFFIX
        try:
            if storage.size(index) > self.num_bytes + _SPARE_BYTES:
                raise ValueError("larger than the records themselves")
            self._offsets = storage.read_array(index)
        except (OSError, ValueError) as error:
            raise UserError(f"{index}, which holds the records' offsets, can't be read; {remedy}") \
                from error  # fmt: skip
        ends = self._offsets[1:] if self._offsets.ndim == 1 else ()
        if (
            self._offsets.dtype != np.uint64
            or len(ends) == 0
            or (ends <= self._offsets[:-1]).any()
            or (int(self._offsets[0]), int(ends[-1])) != (0, self.num_bytes)
            or (ends - self._offsets[:-1]).max() > _most_bytes(self.shape[1])
        ):
            raise UserError(f"{index} does not fit {path} (cut short?); {remedy}")
        self.count = len(ends)

    def read(self, positions: np.ndarray, check: bool) -> np.ndarray:
        """Returns uncompressed images, uint8 [n, C, r, r]."""
        out = np.empty((len(positions), *self.shape), np.uint8)
        for image, position in zip(out, positions.tolist(), strict=True):
            try:
                payload = self._payload(position, check)
                example = self._example(payload)
                data = payload[example.data_start :][: example.data_length]
                image[:] = codecs.decompress(data, example.codec, self.shape)
            except RecordError as error:
                raise self.fail(position, str(error)) from error
        return out

    def check(self, positions: np.ndarray) -> None:
        """Raises UserError when one of the records is damaged; images are not uncompressed."""
        for position in positions.tolist():
            try:
                self._example(self._payload(position, check=True))
            except RecordError as error:
                raise self.fail(position, str(error)) from error

    def checksums(self) -> Iterator[np.ndarray]:
        """Yields the checksums of the records, uint32 [n], block by block."""
        for positions in self.blocks():
            starts = self._offsets[positions[0] : positions[-1] + 2].astype(np.int64)
            block = np.empty(starts[-1] - starts[0], np.uint8)
            self.read_into(block, int(starts[0]))
            ends = starts[1:] - starts[0]
            yield block[ends[:, None] + np.arange(-FOOTER_BYTES, 0)].view("<u4")[:, 0]

    def _payload(self, position: int, check: bool) -> bytes:
        start, end = self._offsets[position : position + 2].tolist()
        buffer = np.empty(end - start, np.uint8)
        self.read_into(buffer, start)
        record = buffer.tobytes()
        payload = record[HEADER_BYTES:-FOOTER_BYTES]
        if records.framed_length(record[:HEADER_BYTES]) != len(payload):
            raise RecordError("its length does not fit the index")
        if check and records.masked_crc(payload) != int.from_bytes(
            record[-FOOTER_BYTES:], "little"
        ):
            raise RecordError("damaged: wrong checksum")
        return payload

    def _example(self, payload: bytes) -> records.Example:
        example = records.parse_example(payload)
        if example.shape != self.shape:
            raise RecordError(f"its shape is {list(example.shape)} instead of {list(self.shape)}")
        return example


def index_bytes(offsets: np.ndarray) -> bytes:
    """Returns the contents of an index file, from each record's offset and the file's end."""
    out = io.BytesIO()
    np.save(out, np.asarray(offsets, np.uint64))
    return out.getvalue()

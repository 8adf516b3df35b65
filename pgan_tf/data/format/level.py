"""The files of one level: finding, checking and reading records in them."""

import functools
import io
import os
import threading
from collections.abc import Iterator

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import codecs, records
from pgan_tf.data.format.records import FOOTER_BYTES, HEADER_BYTES, Layout, RecordError
from pgan_tf.errors import UserError

INDEX_SUFFIX = ".index"
_BLOCK_BYTES = 16 << 20  # read at a time when a file is checked
_MAPPED_BYTES = 256 << 20  # of the largest file that is mapped into memory


class Level:
    """All images of one resolution.

    They lie in one file or several (shards): image i is record i // shards of shard i % shards.

    Args:
      resolution: of the images.
      paths: of the shards, in order.
      remedy: ends each error message.
    Raises: UserError when a file is not what it should be; see the classes of files.
    """

    def __init__(self, resolution: int, paths: list[str], remedy: str):
        self.files = [_open(path, resolution, remedy) for path in paths]
        self.num_channels = self.files[0].shape[0]
        self.num_images = sum(file.count for file in self.files)
        shards = len(paths)
        for shard, file in enumerate(self.files):
            expected = (self.num_images - shard + shards - 1) // shards
            if file.count != expected or file.shape != self.files[0].shape:
                raise UserError(
                    f"{file.path} holds {file.count} images of {list(file.shape)} instead of"
                    f" {expected} of {list(self.files[0].shape)}; {remedy}"
                )

    def read(self, indices: np.ndarray, check: bool = True) -> np.ndarray:
        """Returns images [n, C, r, r], uint8, by their indices (int64 [n], in range).

        Raises: UserError when a record is damaged; without `check`, only when it can't be read.
        """
        shards = len(self.files)
        if shards == 1:
            return self.files[0].read(indices, check)
        out = np.empty((len(indices), *self.files[0].shape), np.uint8)
        for shard, file in enumerate(self.files):
            mine = np.nonzero(indices % shards == shard)[0]
            if len(mine):
                out[mine] = file.read(indices[mine] // shards, check)
        return out

    def checksums(self) -> np.ndarray | None:
        """Returns the checksums of all records, uint32, as they are stored; not by index.

        None where they aren't read at once: in large and in remote files.
        """
        if any(file.mapped is None for file in self.files):
            return None
        return np.concatenate([file.checksums() for file in self.files])

    def check_blocks(self) -> Iterator[int]:
        """Checks every record of every file, yielding after each block its number of records.

        Raises: UserError naming file and record of the first fault.
        """
        for file in self.files:
            yield from file.check_blocks()


def _open(path: str, resolution: int, remedy: str) -> "_PlainFile | _CompressedFile":
    try:
        first = _record_at(path, 0)
        payload = first[HEADER_BYTES:-FOOTER_BYTES]
        example = records.parse_example(payload)
        kind = _PlainFile if example.codec is None else _CompressedFile
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


def _record_at(path: str, offset: int) -> bytes:
    with storage.open_binary(path) as file:
        file.seek(offset)
        header = file.read(HEADER_BYTES)
        length = records.framed_length(header)
        if offset + HEADER_BYTES + length + FOOTER_BYTES > storage.size(path):
            raise RecordError("the record is cut short")
        return header + file.read(length + FOOTER_BYTES)


class _File:
    """What both kinds of files share: bytes at an offset, from memory, disk or network.

    path, shape, codec: where, and of which images [C, r, r], packed how or None.
    count: number of records.
    num_bytes: size of the file.
    """

    def __init__(self, path: str, example: records.Example, remedy: str):
        self.path, self.shape, self.codec = path, example.shape, example.codec
        self.remedy = remedy
        self.num_bytes = storage.size(path)
        self.count = 0
        self._lock = threading.Lock()

    @functools.cached_property
    def mapped(self) -> np.ndarray | None:
        """The whole file as uint8 [num_bytes] in mapped memory; None if it is large or remote.

        Tiny records are gathered much faster from mapped memory than by a system call each. Large
        files would count as memory of this process, and an error of the disk would end it.
        """
        if storage.is_remote(self.path) or self.num_bytes > _MAPPED_BYTES:
            return None
        return np.memmap(self.path, np.uint8, "r").view(np.ndarray)

    @functools.cached_property
    def _file(self):
        return storage.open_binary(self.path)

    def read_into(self, buffer: np.ndarray, offset: int) -> None:
        """Fills a contiguous uint8 array with what is at an offset. Raises: UserError."""
        if self.mapped is not None:
            buffer[:] = self.mapped[offset : offset + len(buffer)]
            return
        done = 0
        while done < len(buffer):
            if storage.is_remote(self.path) or not hasattr(os, "preadv"):
                with self._lock:
                    self._file.seek(offset + done)
                    content = self._file.read(len(buffer) - done)
                count = len(content)
                buffer[done : done + count] = np.frombuffer(content, np.uint8)
            else:
                count = os.preadv(self._file.fileno(), [buffer[done:]], offset + done)
            if count == 0:
                raise UserError(f"{self.path} became shorter while in use; {self.remedy}")
            done += count

    def check_blocks(self) -> Iterator[int]:
        """Does what `Level.check_blocks` says, for this file."""
        step = max(1, _BLOCK_BYTES * self.count // self.num_bytes)
        for start in range(0, self.count, step):
            positions = np.arange(start, min(start + step, self.count))
            self.check(positions)
            yield len(positions)

    def fail(self, position: int, what: str) -> UserError:
        """Returns the error for a record."""
        return UserError(f"{self.path}: record {position}: {what}; {self.remedy}")


class _PlainFile(_File):
    """A file of plain records, which all have one length: record i is at i * length."""

    def __init__(self, path: str, first: bytes, example: records.Example, remedy: str):
        super().__init__(path, example, remedy)
        self.layout = Layout.of_record(first)
        self.count, rest = divmod(self.num_bytes, self.layout.length)
        if rest:
            for _ in self.check_blocks():  # which record it is that has another length
                pass
            raise UserError(
                f"{path} is {self.num_bytes} bytes, not a multiple of its records'"
                f" {self.layout.length}: record {self.count} is cut short; {remedy}"
            )

    def read(self, positions: np.ndarray, check: bool) -> np.ndarray:
        """Returns the images as a view of freshly read records, uint8 [n, C, r, r]."""
        rows = self._rows(positions)
        if check:
            self._check_rows(rows, positions)
        return self.layout.images(rows)

    def check(self, positions: np.ndarray) -> None:
        """Raises UserError when one of the records is damaged."""
        self._check_rows(self._rows(positions), positions)

    def checksums(self) -> np.ndarray:
        """Returns each record's checksum, uint32 [count]; of a mapped file."""
        records = self.mapped.reshape(self.count, self.layout.length)
        return np.ascontiguousarray(records[:, -FOOTER_BYTES:]).view("<u4")[:, 0]

    def _rows(self, positions: np.ndarray) -> np.ndarray:
        """Returns whole records, uint8 [n, length]."""
        length = self.layout.length
        if self.mapped is not None:
            records = self.mapped[: self.count * length].reshape(self.count, length)
            return records.take(positions, axis=0)
        rows = np.empty((len(positions), length), np.uint8)
        if len(positions) and (np.diff(positions) == 1).all():
            self.read_into(rows.reshape(-1), int(positions[0]) * length)
        else:
            for row, position in zip(rows, positions.tolist(), strict=True):
                self.read_into(row, position * length)
        return rows

    def _check_rows(self, rows: np.ndarray, positions: np.ndarray) -> None:
        wrong_structure = self.layout.wrong_structure(rows)
        bad = wrong_structure | self.layout.wrong_checksum(rows)
        if bad.any():
            first = int(bad.argmax())
            what = "damaged, or of another shape or length than the first"
            raise self.fail(
                int(positions[first]), what if wrong_structure[first] else "damaged: wrong checksum"
            )


class _CompressedFile(_File):
    """A file of compressed records, of any length, found by the offsets in its index file."""

    def __init__(self, path: str, first: bytes, example: records.Example, remedy: str):
        super().__init__(path, example, remedy)
        index = path + INDEX_SUFFIX
        try:
            self._offsets = storage.read_array(index)
        except (OSError, ValueError) as error:
            raise UserError(f"{index}, which tells where records start, can't be read; {remedy}") \
                from error  # fmt: skip
        ends = self._offsets[1:] if self._offsets.ndim == 1 else ()
        if (
            self._offsets.dtype != np.uint64
            or len(ends) == 0
            or (ends <= self._offsets[:-1]).any()
            or (int(self._offsets[0]), int(ends[-1])) != (0, self.num_bytes)
        ):
            raise UserError(f"{index} does not fit {path} (cut short?); {remedy}")
        self.count = len(ends)

    def read(self, positions: np.ndarray, check: bool) -> np.ndarray:
        """Returns unpacked images, uint8 [n, C, r, r]."""
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
        """Raises UserError when one of the records is damaged; images are not unpacked."""
        for position in positions.tolist():
            try:
                self._example(self._payload(position, check=True))
            except RecordError as error:
                raise self.fail(position, str(error)) from error

    def checksums(self) -> np.ndarray:
        """Returns each record's checksum, uint32 [count]; of a mapped file."""
        ends = self._offsets[1:].astype(np.int64)
        return self.mapped[ends[:, None] + np.arange(-FOOTER_BYTES, 0)].view("<u4")[:, 0]

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
            raise RecordError(f"of shape {list(example.shape)} instead of {list(self.shape)}")
        return example


def index_bytes(offsets: np.ndarray) -> bytes:
    """Returns the contents of the index file: where each record starts, and the file's end."""
    out = io.BytesIO()
    np.save(out, np.asarray(offsets, np.uint64))
    return out.getvalue()


def level_file(name: str, resolution: int, shard: int = 0, shards: int = 1) -> str:
    """Returns the name of a level's file, <name>-rNN.tfrecords with 2^NN the resolution.

    Of several shards, each has its number: <name>-rNN-00000-of-00004.tfrecords.
    """
    part = f"-{shard:05d}-of-{shards:05d}" if shards > 1 else ""
    return f"{name}-r{resolution.bit_length() - 1:02d}{part}.tfrecords"


def labels_file(name: str) -> str:
    """Returns the name of the labels' file, <name>-rxx.labels."""
    return f"{name}-rxx.labels"

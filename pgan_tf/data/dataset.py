"""Reading a data set: any image of any level by its index."""

import functools
import hashlib
import io
import os
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from pgan_tf import cli
from pgan_tf.cli import UserError
from pgan_tf.data import pyramid, records, storage
from pgan_tf.data.records import FOOTER_BYTES, HEADER_BYTES, Layout, RecordError

SMALL_BYTES = 2 << 30  # what is small enough to be checked whole when it is opened
_BLOCK_BYTES = 16 << 20  # read at a time when a file is checked
_SAMPLES = 1024  # records of a large file whose structure is looked at
_LEVEL = re.compile(r"(?P<name>.+)-r(?P<log2>\d\d)\.tfrecords")

Verify = Literal["auto", "full", "off"]


class Dataset:
    """A data set in the official format, read at random (spec section 4).

    Opening it checks it. Whatever is wrong raises UserError: one line that names the file and
    the remedy.

    - Always: every level is there, its file is a whole number of records of the level's shape,
      the levels have the same number of images, and so have the labels.
    - verify="auto": also each record's framing and shape, and the checksum of its contents, if
      the files together are at most 2 GiB; of larger files the first, the last and 1,022 records
      between them.
    - verify="full": all records whatever their size. verify="off": none.

    Each record's checksum is also checked whenever the record is read, unless verify is "off":
    that costs a few percent of the time that reading it takes.

    Reading is safe from several threads at once.

    Args:
      path: the directory; local, or anything that `tf.io.gfile` accepts.
      verify: "auto", "full" or "off".

    Attributes:
      name: last part of the path.
      path: as given.
      resolution: of the full images.
      num_channels: 1 or 3.
      num_images: in every level.
      labels: float32 [num_images, label_size], or None.
      label_size: 0 without labels.
      levels: resolutions present, [4, 8, ..., resolution].
    """

    def __init__(self, path: str | os.PathLike, verify: Verify = "auto"):
        if verify not in ("auto", "full", "off"):
            raise ValueError(f"verify={verify!r} is none of auto, full, off")
        self.path = os.fspath(path)
        self.name = storage.split(self.path)[1]
        names = _listing(self.path, self.name)
        files = _level_files(self.path, self.name, names)
        self._levels = {
            r: _Level(r, [storage.join(self.path, name)], self._remedy)
            for r, name in sorted(files.items())
        }
        self.levels = list(self._levels)
        self.resolution = self.levels[-1]
        top = self._levels[self.resolution]
        self.num_channels, self.num_images = top.layout.shape[0], top.count
        for level in self._levels.values():
            if (level.count, level.layout.shape[0]) != (self.num_images, self.num_channels):
                raise UserError(
                    f"{level.files[0].path} holds {level.count} images with"
                    f" {level.layout.shape[0]} channels, but {top.files[0].path} {top.count} with"
                    f" {self.num_channels}; {self._remedy}"
                )
            level.checks_reads = verify != "off"
        self.labels = self._read_labels(names)
        self.label_size = 0 if self.labels is None else self.labels.shape[1]
        if verify != "off":
            self._check_records(verify)

    @property
    def _remedy(self) -> str:
        return remedy(self.path)

    @property
    def num_bytes(self) -> int:
        """Size of all levels on the disk."""
        return sum(file.num_bytes for level in self._levels.values() for file in level.files)

    def require(self, resolution: int) -> None:
        """Raises UserError unless the data set has images of this resolution."""
        if not pyramid.is_valid(resolution):
            raise UserError(f"resolution {resolution} is not a power of two from 4 on")
        if resolution not in self._levels:
            raise UserError(
                f"{self.path} has images up to {self.resolution}x{self.resolution}, not"
                f" {resolution}x{resolution}; {self._remedy}"
            )

    def read(self, resolution: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns images by their index.

        Args:
          resolution: of the level to read.
          indices: integers in [0, num_images), [n]; any order, repetitions allowed.
        Returns: uint8 [n, resolution, resolution, num_channels], 0..255.
        Raises: UserError when there is no such level or a record is damaged; IndexError.
        """
        self.require(resolution)
        images = self._levels[resolution].read(_checked(indices, self.num_images))
        return to_nhwc(images)

    def content_hash(self) -> str:
        """Returns a short key of the contents, for caches of what was computed from them.

        It is SHA-256 (the first 16 hex digits) of the number and shape of the images, all 4x4
        images, the labels, and 64 full-resolution images spread evenly; so it costs little, does
        not depend on how or where the data set is stored, and changes with any change of an
        image that its 4x4 level shows.
        """
        return _content_hash(self)

    def check_blocks(self, resolution: int) -> Iterator[int]:
        """Checks all records of a level in order, yielding the number of each block's records.

        Raises: UserError at the first record that is damaged, naming file and record.
        """
        for file in self._levels[resolution].files:
            yield from file.check_blocks()

    def _check_records(self, verify: Verify) -> None:
        if verify == "auto" and self.num_bytes > SMALL_BYTES:
            for level in self._levels.values():
                level.read(np.linspace(0, self.num_images - 1, _SAMPLES).astype(np.int64))
            return
        with cli.progress("records") as bar:
            task = bar.add_task(f"Checking {self.name}", total=self.num_images * len(self.levels))
            for resolution in self.levels:
                for done in self.check_blocks(resolution):
                    bar.advance(task, done)

    def _read_labels(self, names: list[str]) -> np.ndarray | None:
        found = [name for name in names if name.endswith(".labels")]
        if not found:
            return None
        if len(found) > 1:
            raise UserError(f"{self.path} has several label files ({', '.join(found)}); keep one")
        path = storage.join(self.path, found[0])
        try:
            with storage.open_binary(path) as file:
                labels = np.load(io.BytesIO(file.read()), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise UserError(f"{path} is no NumPy array file; {self._remedy}") from error
        if labels.ndim != 2 or labels.dtype.kind not in "fiub" or not np.isfinite(labels).all():
            raise UserError(
                f"{path} holds {labels.dtype} {list(labels.shape)} instead of finite rows of"
                f" numbers; {self._remedy}"
            )
        if len(labels) != self.num_images:
            raise UserError(
                f"{path} has {len(labels)} labels for {self.num_images} images; {self._remedy}"
            )
        return np.ascontiguousarray(labels, np.float32)


class SyntheticDataset:
    """Black images of any size, with the interface of `Dataset`; for benchmarks.

    Args:
      resolution: power of two, at least 4.
      num_channels: 1 or 3.
      num_images: how many to pretend to have.
      label_size: 0, or the number of classes; image i has class i modulo label_size.
    """

    def __init__(
        self, resolution: int, num_channels: int = 3, num_images: int = 10_000, label_size: int = 0
    ):
        if not pyramid.is_valid(resolution):
            raise UserError(f"resolution {resolution} is not a power of two from 4 on")
        self.name = f"syn{resolution}{'rgb' if num_channels == 3 else 'gray'}"
        self.path = None
        self.resolution, self.num_channels, self.num_images = resolution, num_channels, num_images
        self.levels = pyramid.resolutions(resolution)[::-1]
        self.label_size = label_size
        self.labels = None
        if label_size:
            self.labels = np.eye(label_size, dtype=np.float32)[np.arange(num_images) % label_size]

    def require(self, resolution: int) -> None:
        """Raises UserError unless the data set has images of this resolution."""
        if resolution not in self.levels:
            raise UserError(f"{self.name} has no images of {resolution}x{resolution}")

    def read(self, resolution: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns black images: uint8 [n, resolution, resolution, num_channels]."""
        self.require(resolution)
        n = len(_checked(indices, self.num_images))
        return np.zeros((n, resolution, resolution, self.num_channels), np.uint8)

    def content_hash(self) -> str:
        """Returns a short key of the contents; see `Dataset.content_hash`."""
        return _content_hash(self)


def to_nhwc(images: np.ndarray) -> np.ndarray:
    """Returns [N, C, H, W] as contiguous [N, H, W, C].

    Copying one channel after the other is three times as fast as letting NumPy transpose.
    """
    n, channels, height, width = images.shape
    if channels == 1:
        return np.ascontiguousarray(images).reshape(n, height, width, 1)
    out = np.empty((n, height, width, channels), images.dtype)
    for channel in range(channels):
        out[..., channel] = images[:, channel]
    return out


def remedy(path: str) -> str:
    """Returns what to do about a data set that is missing or damaged, by its name."""
    name = storage.split(path)[1]
    commands = ["mnistrgb", "mnist", "cifar100", "cifar10", "svhn", "lsun", "celebahq", "celeba"]
    for command in [*commands, "openmoji"]:
        if name.startswith(command):
            return f"make it with: python dataset_tool.py create_{command} {path} ..."
    return f"make it with: python dataset_tool.py create_from_images {path} IMAGE_DIR"


def _listing(path: str, name: str) -> list[str]:
    if not storage.is_dir(path):
        what = "is a file, not a directory" if storage.exists(path) else "does not exist"
        raise UserError(f"data set {path} {what}; {remedy(path)}")
    names = [entry for entry in storage.names(path) if not entry.startswith(".")]
    if not names:
        raise UserError(f"data set {path} is empty; {remedy(path)}")
    return names


def _level_files(path: str, name: str, names: list[str]) -> dict[int, str]:
    """Returns {resolution: file name} of the levels, which must be complete from 4x4 up."""
    found: dict[int, str] = {}
    for entry in names:
        if match := _LEVEL.fullmatch(entry):
            resolution = 1 << int(match["log2"])
            if resolution in found:
                raise UserError(
                    f"{path} holds two data sets ({found[resolution]}, {entry}); give each its own"
                    " directory"
                )
            found[resolution] = entry
    if not found:
        raise UserError(f"{path} holds no *-rNN.tfrecords files; {remedy(path)}")
    for resolution in pyramid.resolutions(max(max(found), pyramid.MIN_RESOLUTION)):
        if resolution not in found:
            log2 = resolution.bit_length() - 1
            raise UserError(
                f"{path} lacks level {resolution}x{resolution} (*-r{log2:02d}.tfrecords);"
                f" {remedy(path)}"
            )
    return found


def _checked(indices: Sequence[int] | np.ndarray, num_images: int) -> np.ndarray:
    indices = np.asarray(indices, np.int64)
    if indices.size and not (indices.min() >= 0 and indices.max() < num_images):
        raise IndexError(f"image index outside [0, {num_images})")
    return indices


def _content_hash(dataset: Dataset | SyntheticDataset) -> str:
    n, top = dataset.num_images, dataset.resolution
    key = hashlib.sha256(repr((n, top, dataset.num_channels, dataset.label_size)).encode())
    for start in range(0, n, 1 << 16):
        images = dataset.read(pyramid.MIN_RESOLUTION, np.arange(start, min(start + (1 << 16), n)))
        key.update(images)
    if dataset.labels is not None:
        key.update(np.ascontiguousarray(dataset.labels))
    for index in np.unique(np.linspace(0, n - 1, 64).astype(np.int64)):
        key.update(dataset.read(top, [index]))
    return key.hexdigest()[:16]


class _Level:
    """All images of one resolution."""

    def __init__(self, resolution: int, paths: list[str], remedy: str):
        self.files = [_PlainFile(path, resolution, remedy) for path in paths]
        self.layout = self.files[0].layout
        self.count = sum(file.count for file in self.files)
        self.checks_reads = True

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns uint8 [n, C, r, r]."""
        return self.files[0].read(indices, self.checks_reads)


class _PlainFile:
    """A file of plain records, which all have one length: record i is at i * length."""

    def __init__(self, path: str, resolution: int, remedy: str):
        self.path, self._remedy = path, remedy
        self.num_bytes = storage.size(path)
        self._lock = threading.Lock()
        self.layout = self._first_layout()
        if self.layout.shape[1:] != (resolution, resolution) or self.layout.shape[0] not in (1, 3):
            shape = "x".join(map(str, self.layout.shape))
            raise UserError(
                f"{path} holds images of {shape} (channels, height, width) instead of"
                f" {resolution}x{resolution}; {remedy}"
            )
        self.count, rest = divmod(self.num_bytes, self.layout.length)
        if rest:
            raise UserError(
                f"{path} is {self.num_bytes} bytes, not a multiple of its records'"
                f" {self.layout.length}: record {self.count} is cut short; {remedy}"
            )

    def _first_layout(self) -> Layout:
        try:
            header = self._bytes(0, HEADER_BYTES)
            length = HEADER_BYTES + records.framed_length(header) + FOOTER_BYTES
            if length > self.num_bytes:
                raise RecordError("the record is cut short")
            return Layout.of_record(self._bytes(0, length))
        except RecordError as error:
            raise UserError(f"{self.path}: record 0: {error}; {self._remedy}") from error

    @functools.cached_property
    def _rows(self) -> np.ndarray | None:
        """The whole file as uint8 [count, length], mapped; None for a file of tf.io.gfile."""
        if storage.is_remote(self.path):
            return None
        mapped = np.memmap(self.path, np.uint8, "r", shape=(self.count, self.layout.length))
        return mapped.view(np.ndarray)

    def read(self, indices: np.ndarray, check: bool) -> np.ndarray:
        """Returns the images as a view of freshly read records, uint8 [n, C, r, r]."""
        if self._rows is not None:
            found = self._rows.take(indices, axis=0)
        else:
            length = self.layout.length
            found = np.empty((len(indices), length), np.uint8)
            for row, index in zip(found, indices, strict=True):
                row[:] = np.frombuffer(self._bytes(int(index) * length, length), np.uint8)
        if check:
            self._check(found, indices)
        return self.layout.images(found)

    def check_blocks(self) -> Iterator[int]:
        """Checks all records, yielding the number of each block's."""
        step = max(1, _BLOCK_BYTES // self.layout.length)
        for start in range(0, self.count, step):
            indices = np.arange(start, min(start + step, self.count))
            self.read(indices, check=True)
            yield len(indices)

    def _check(self, found: np.ndarray, indices: np.ndarray) -> None:
        for bad, what in (
            (self.layout.wrong_structure(found), "damaged, or of another shape than the first"),
            (self.layout.wrong_checksum(found), "damaged: wrong checksum"),
        ):
            if bad.any():
                index = int(indices[bad.argmax()])
                raise UserError(f"{self.path}: record {index} is {what}; {self._remedy}")

    def _bytes(self, offset: int, length: int) -> bytes:
        if not storage.is_remote(self.path):
            with open(self.path, "rb") as file:
                file.seek(offset)
                return file.read(length)
        with self._lock, storage.open_binary(self.path) as file:
            file.seek(offset)
            return file.read(length)

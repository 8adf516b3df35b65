"""Reads a data set: any image of any level by its index."""

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from pgan_tf import progress
from pgan_tf.data import advice, storage
from pgan_tf.data.format import pyramid
from pgan_tf.data.format.level import Level, level_file
from pgan_tf.data.format.names import LEVEL_FILE
from pgan_tf.data.labels import Labelled, default_names, read_class_names
from pgan_tf.errors import UserError

SMALL_BYTES = 2 << 30  # data sets up to this size are checked completely when they are opened
_SAMPLES = 64  # of a larger data set, the number of records checked in each level

Verify = Literal["auto", "full", "off"]


class Dataset(Labelled):
    """A data set in the official format, with random access to its images (section 4).

    Opening a data set checks it. Any fault raises UserError, whose one line names the file and
    the remedy.

    - Always checked: every level exists, its file is a whole number of records of the level's
      shape, and all levels and the labels have the same number of images.
    - verify="auto" also checks each record's framing, shape and checksum if the files together
      have at most 2 GiB; otherwise it checks 64 evenly spread records of each level.
    - verify="full" checks all records whatever their size; verify="off" checks none.

    Unless verify is "off", each record's checksum is also checked whenever the record is read.
    That takes a tenth to a fifth of the reading time for images of 64x64 and more. The share is
    larger for smaller images, but millions of those are still read per second.

    Several threads may read at once.

    Args:
      path: the directory; local, or anything that `tf.io.gfile` accepts.
      verify: "auto", "full" or "off".
      command: the command that makes the data set, for messages; None: chosen by its name.

    Attributes (besides those of `Labelled`: the classes' names and which classes have images):
      name: last part of the path.
      path: as given.
      resolution: side of the full-resolution images.
      num_channels: 1 or 3.
      num_images: number of images, the same in every level.
      labels: float32 [num_images, label_size], or None.
      label_size: 0 without labels.
      levels: resolutions present, [4, 8, ..., resolution].
    """

    def __init__(
        self, path: str | os.PathLike, verify: Verify = "auto", command: str | None = None
    ):
        if verify not in ("auto", "full", "off"):
            raise ValueError(f"verify={verify!r} is not one of auto, full, off")
        self.path = os.fspath(path)
        self.name = storage.split(self.path)[1]
        names = _listing(self.path)
        self._remedy = advice.remedy(self.path, command)
        files = _level_files(self.path, names, self._remedy)
        self._levels = {
            resolution: Level(resolution, files[resolution], self._remedy)
            for resolution in sorted(files)
        }
        self.levels = list(self._levels)
        self.resolution = self.levels[-1]
        top = self._levels[self.resolution]
        self.num_channels, self.num_images = top.num_channels, top.num_images
        for level in self._levels.values():
            if (level.num_images, level.num_channels) != (self.num_images, self.num_channels):
                raise UserError(
                    f"{level.files[0].path} holds {level.num_images} images with"
                    f" {level.num_channels} channels, but {top.files[0].path} holds"
                    f" {self.num_images} with {self.num_channels}; {self._remedy}"
                )
        self._checks_reads = verify != "off"
        self.labels_from = self.path
        self.labels = self._read_labels(names)
        self.label_size = 0 if self.labels is None else self.labels.shape[1]
        if verify != "off":
            self._check_records(verify)

    @property
    def num_bytes(self) -> int:
        """Size of all levels on disk."""
        return sum(file.num_bytes for level in self._levels.values() for file in level.files)

    @functools.cached_property
    def class_names(self) -> list[str] | None:
        """Names of the label columns; "0", "1", ... if the files name none; None without labels."""
        if self.labels is None:
            return None
        return read_class_names(self.path, self.label_size) or default_names(self.label_size)

    def require(self, resolution: int) -> None:
        """Raises UserError unless the data set has images of this resolution."""
        if not pyramid.is_valid(resolution):
            raise UserError(f"resolution {resolution} is not a power of two of at least 4")
        if resolution not in self._levels:
            raise UserError(
                f"{self.path} has images up to {self.resolution}x{self.resolution}, not"
                f" {resolution}x{resolution}; {self._remedy}"
            )

    def read(self, resolution: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns images by their index.

        Args:
          resolution: resolution of the level to read.
          indices: integers [n] in [0, num_images); in any order, with or without repetitions.
        Returns: uint8 [n, resolution, resolution, num_channels], 0..255.
        Raises: UserError when the level does not exist or a record is damaged; IndexError when an
          index is out of range.
        """
        self.require(resolution)
        indices = _checked(indices, self.num_images)
        images = self._levels[resolution].read(indices, self._checks_reads)
        return to_nhwc(images)

    def content_hash(self) -> str:
        """Returns a short key of the contents, for caches of results computed from them.

        The key is the first 16 hex digits of SHA-256 over the number and shape of the images, all
        4x4 images, the labels, and 64 evenly spread full-resolution images. It is cheap, and does
        not depend on how or where the data set is stored. It changes when an image changes enough
        to change its 4x4 level.
        """
        return _content_hash(self)

    def records_hash(self) -> str:
        """Returns a key of all records, as they are stored, of the finest small level.

        A level is small if its files are local and have at most 256 MiB each. The key is the first
        16 hex digits of SHA-256 over the records' checksums, or "" if no level is small. It changes
        when an image changes enough to change this level, and when images are compressed otherwise.
        """
        for resolution in reversed(self.levels):
            checksums = self._levels[resolution].checksums()
            if checksums is not None:
                return hashlib.sha256(checksums.tobytes()).hexdigest()[:16]
        return ""

    def read_checked(self, resolution: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns images like `read`, but as [n, C, r, r], and checked whatever `verify` is."""
        self.require(resolution)
        return self._levels[resolution].read(_checked(indices, self.num_images), check=True)

    def locate(self, resolution: int, index: int) -> tuple[str, int]:
        """Returns (path of the file, number of the record in it) of an image of a level."""
        position, shard = divmod(index, len(self._levels[resolution].files))
        return self._levels[resolution].files[shard].path, position

    def storage_of(self, resolution: int) -> tuple[int, str | None, int]:
        """Returns (number of files, codec or None, size in bytes) of a level."""
        level_files = self._levels[resolution].files
        return len(level_files), level_files[0].codec, sum(file.num_bytes for file in level_files)

    def check_blocks(self, resolution: int) -> Iterator[int]:
        """Checks all records of a level in order; yields each block's number of records.

        Raises: UserError that names file and number of the first damaged record.
        """
        return self._levels[resolution].check_blocks()

    def _check_records(self, verify: Verify) -> None:
        if verify == "auto" and self.num_bytes > SMALL_BYTES:
            for level in self._levels.values():
                level.read(np.linspace(0, self.num_images - 1, _SAMPLES).astype(np.int64))
            return
        with progress.bar("records") as bar:
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
        path = self.labels_from = storage.join(self.path, found[0])
        try:
            labels = storage.read_array(path)
        except ValueError as error:
            raise UserError(f"{path} is not a NumPy array file; {self._remedy}") from error
        if labels.ndim != 2 or labels.dtype.kind not in "fiub" or not np.isfinite(labels).all():
            raise UserError(
                f"{path} holds {labels.dtype} {list(labels.shape)} instead of rows of finite"
                f" numbers; {self._remedy}"
            )
        if len(labels) != self.num_images:
            raise UserError(
                f"{path} has {len(labels)} labels for {self.num_images} images; {self._remedy}"
            )
        return np.ascontiguousarray(labels, np.float32)


class SyntheticDataset(Labelled):
    """Black images of any size, with the interface of `Dataset`; for benchmarks.

    Args:
      resolution: power of two, at least 4.
      num_channels: 1 or 3.
      num_images: number of images.
      label_size: 0, or the number of classes; image i has class i modulo label_size.
    """

    def __init__(
        self, resolution: int, num_channels: int = 3, num_images: int = 10_000, label_size: int = 0
    ):
        if not pyramid.is_valid(resolution):
            raise UserError(f"resolution {resolution} is not a power of two of at least 4")
        self.name = f"syn{resolution}{'rgb' if num_channels == 3 else 'gray'}"
        self.path = None
        self.resolution, self.num_channels, self.num_images = resolution, num_channels, num_images
        self.levels = pyramid.resolutions(resolution)[::-1]
        self.label_size = label_size
        self.labels, self.labels_from = None, self.name
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

    def records_hash(self) -> str:
        """Returns "", as there are no records."""
        return ""


def to_nhwc(images: np.ndarray) -> np.ndarray:
    """Returns [N, C, H, W] as contiguous [N, H, W, C].

    Copying channel by channel is three times as fast as NumPy's transpose.
    """
    n, channels, height, width = images.shape
    if channels == 1:
        return np.ascontiguousarray(images).reshape(n, height, width, 1)
    out = np.empty((n, height, width, channels), images.dtype)
    for channel in range(channels):
        out[..., channel] = images[:, channel]
    return out


def _listing(path: str) -> list[str]:
    """Returns the visible names in a data set's directory. Raises UserError for other paths."""
    names = storage.names(path) if storage.is_dir(path) else []
    if not any(map(LEVEL_FILE.fullmatch, names)):
        raise UserError(f"data set {path} {advice.look(path).sentence()}")
    return [name for name in names if not name.startswith(".")]


def _level_files(path: str, names: list[str], remedy: str) -> dict[int, list[str]]:
    """Returns {resolution: paths of its shards}.

    Raises: UserError unless all levels from 4x4 up are complete, or when a level exists twice.
    """
    found: dict[int, dict[int, str]] = {}  # resolution -> shard -> file name
    num_shards: dict[int, int] = {}
    for name in names:
        if not (match := LEVEL_FILE.fullmatch(name)):
            continue
        resolution, shard = 1 << int(match["log2"]), int(match["shard"] or 0)
        shards = int(match["shards"] or 1)
        level = found.setdefault(resolution, {})
        if shard in level or num_shards.setdefault(resolution, shards) != shards:
            raise UserError(
                f"{path} holds two data sets ({next(iter(level.values()))}, {name}); give each"
                " its own directory"
            )
        level[shard] = name
    for resolution in pyramid.resolutions(max(*found, pyramid.MIN_RESOLUTION)):
        level, shards = found.get(resolution, {}), num_shards.get(resolution, 1)
        for shard in range(shards):
            if shard not in level:
                missing = level_file("*", resolution, shard, shards)
                raise UserError(
                    f"{path} lacks level {resolution}x{resolution} ({missing}); {remedy}"
                )
    return {r: [storage.join(path, level[s]) for s in sorted(level)] for r, level in found.items()}


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

"""Reading a data set: any image of any level by its index."""

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

SMALL_BYTES = 2 << 30  # what is small enough to be checked whole when it is opened
_SAMPLES = 64  # records of each level that are checked when there are too many to check all

Verify = Literal["auto", "full", "off"]


class Dataset(Labelled):
    """A data set in the official format, read at random (section 4).

    Opening it checks it. Whatever is wrong raises UserError: one line that names the file and
    the remedy.

    - Always: every level is there, its file is a whole number of records of the level's shape,
      the levels have the same number of images, and so have the labels.
    - verify="auto": also each record's framing, shape and checksum, if the files together have
      at most 2 GiB; of larger ones, 64 records of each level, spread evenly.
    - verify="full": all records whatever their size. verify="off": none.

    Each record's checksum is also checked whenever the record is read, unless verify is "off".
    That costs a tenth to a fifth of the time of reading images from 64x64 on; more of smaller
    ones, but millions of those are read a second all the same.

    Reading is safe from several threads at once.

    Args:
      path: the directory; local, or anything that `tf.io.gfile` accepts.
      verify: "auto", "full" or "off".
      command: what makes the data set, for messages; None: what its name says.

    Attributes (and those of `Labelled`: names of classes, and which have images):
      name: last part of the path.
      path: as given.
      resolution: of the full images.
      num_channels: 1 or 3.
      num_images: in every level.
      labels: float32 [num_images, label_size], or None.
      label_size: 0 without labels.
      levels: resolutions present, [4, 8, ..., resolution].
    """

    def __init__(
        self, path: str | os.PathLike, verify: Verify = "auto", command: str | None = None
    ):
        if verify not in ("auto", "full", "off"):
            raise ValueError(f"verify={verify!r} is none of auto, full, off")
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
                    f" {level.num_channels} channels, but {top.files[0].path} {self.num_images}"
                    f" with {self.num_channels}; {self._remedy}"
                )
        self._checks_reads = verify != "off"
        self.labels_from = self.path
        self.labels = self._read_labels(names)
        self.label_size = 0 if self.labels is None else self.labels.shape[1]
        if verify != "off":
            self._check_records(verify)

    @property
    def num_bytes(self) -> int:
        """Size of all levels on the disk."""
        return sum(file.num_bytes for level in self._levels.values() for file in level.files)

    @functools.cached_property
    def class_names(self) -> list[str] | None:
        """Names of the labels' columns, "0", "1", ... where it has none; None without labels."""
        if self.labels is None:
            return None
        return read_class_names(self.path, self.label_size) or default_names(self.label_size)

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
        indices = _checked(indices, self.num_images)
        images = self._levels[resolution].read(indices, self._checks_reads)
        return to_nhwc(images)

    def content_hash(self) -> str:
        """Returns a short key of the contents, for caches of what was computed from them.

        It is SHA-256 (the first 16 hex digits) of the number and shape of the images, all 4x4
        images, the labels, and 64 full-resolution images spread evenly; so it costs little, does
        not depend on how or where the data set is stored, and changes with any change of an
        image that its 4x4 level shows.
        """
        return _content_hash(self)

    def records_hash(self) -> str:
        """Returns a key of all records of the finest level that is small, as they are stored.

        It is SHA-256 (the first 16 hex digits) of their checksums, where the level's files are
        local and of 256 MiB at most each; "" where there is no such level. So it changes with any
        change of an image that this level shows, and also when images are packed otherwise.
        """
        for resolution in reversed(self.levels):
            checksums = self._levels[resolution].checksums()
            if checksums is not None:
                return hashlib.sha256(checksums.tobytes()).hexdigest()[:16]
        return ""

    def read_checked(self, resolution: int, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Returns images like `read`, but [n, C, r, r] and with every check whatever `verify`."""
        self.require(resolution)
        return self._levels[resolution].read(_checked(indices, self.num_images), check=True)

    def locate(self, resolution: int, index: int) -> tuple[str, int]:
        """Returns in which file, and as which record of it, an image of a level lies."""
        position, shard = divmod(index, len(self._levels[resolution].files))
        return self._levels[resolution].files[shard].path, position

    def storage_of(self, resolution: int) -> tuple[int, str | None, int]:
        """Returns of a level: number of files, codec or None, bytes."""
        level_files = self._levels[resolution].files
        return len(level_files), level_files[0].codec, sum(file.num_bytes for file in level_files)

    def check_blocks(self, resolution: int) -> Iterator[int]:
        """Checks all records of a level in order, yielding the number of each block's records.

        Raises: UserError at the first record that is damaged, naming file and record.
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


class SyntheticDataset(Labelled):
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
        """Returns "": there are no records."""
        return ""


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


def _listing(path: str) -> list[str]:
    """Returns the visible names in a data set's directory. Raises: UserError if it is none."""
    names = storage.names(path) if storage.is_dir(path) else []
    if not any(map(LEVEL_FILE.fullmatch, names)):
        raise UserError(f"data set {path} {advice.look(path).sentence()}")
    return [name for name in names if not name.startswith(".")]


def _level_files(path: str, names: list[str], remedy: str) -> dict[int, list[str]]:
    """Returns {resolution: paths of its shards}; levels must be complete from 4x4 up."""
    found: dict[int, dict[int, str]] = {}
    number: dict[int, int] = {}
    for name in names:
        if not (match := LEVEL_FILE.fullmatch(name)):
            continue
        resolution, shard = 1 << int(match["log2"]), int(match["shard"] or 0)
        shards = int(match["shards"] or 1)
        level = found.setdefault(resolution, {})
        if shard in level or number.setdefault(resolution, shards) != shards:
            raise UserError(
                f"{path} holds two data sets ({next(iter(level.values()))}, {name}); give each"
                " its own directory"
            )
        level[shard] = name
    for resolution in pyramid.resolutions(max(*found, pyramid.MIN_RESOLUTION)):
        level, shards = found.get(resolution, {}), number.get(resolution, 1)
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

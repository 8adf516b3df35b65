"""Writes a data set: all levels, from full-resolution images (section 4)."""

import array
import contextlib
import dataclasses
import os
import re
import socket
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import codecs, pyramid, records
from pgan_tf.data.format.level import labels_file, level_file
from pgan_tf.data.format.record_files import INDEX_SUFFIX, index_bytes
from pgan_tf.errors import UserError
from pgan_tf.files import PARTIAL_SUFFIX, named_errors

_REPLACED = ".replaced"  # stands before PARTIAL_SUFFIX for a data set that is being replaced

# Records of some images of one level: plain ones as uint8 [n, length], compressed ones as a list.
Records = np.ndarray | list[bytes]

_OTHER_OPEN_FILES = 64  # reserved for files other than the levels'

_LEVEL_FILE = re.compile(r"(.*)-r\d\d(-\d{5}-of-\d{5})?\.tfrecords(\.index)?")
_OTHER_FILE = re.compile(r".*-rxx\.labels|(CLASSES|CREDITS|LICENSE)\.txt")


def encode(images: np.ndarray, compress: str | None = None) -> list[Records]:
    """Returns the records of all levels, the full resolution first.

    Args:
      images: uint8 [N, C, R, R].
      compress: one of codecs.CODECS, for levels of 32x32 and more; None: plain records.
    """
    return [
        _compressed(level, compress)
        if compress and level.shape[2] >= codecs.MIN_RESOLUTION
        else records.layout(level.shape[1], level.shape[2]).encode(level)
        for level in pyramid.levels(images)
    ]


def _compressed(images: np.ndarray, codec: str) -> list[bytes]:
    return [
        records.frame(records.example_bytes(codecs.compress(image, codec), images.shape[1:], codec))
        for image in images
    ]


def size_on_disk(num_images: int, resolution: int, num_channels: int, label_size: int = 0) -> int:
    """Returns the size in bytes of an uncompressed data set."""
    record = sum(records.layout(num_channels, r).length for r in pyramid.resolutions(resolution))
    return num_images * (record + 4 * label_size) + (128 if label_size else 0)


@dataclasses.dataclass(frozen=True)
class Places:
    """Lets other processes write plain records into the files of a data set being written.

    All records of a level have the same length, so a record's place follows from its number.
    Several processes can therefore write at once, in any order.
    """

    directory: str
    name: str
    resolution: int
    shards: int

    def write(self, start: int, levels: Sequence[np.ndarray]) -> int:
        """Writes the records of images start, start + 1, ...; returns the number of images."""
        for resolution, level in zip(pyramid.resolutions(self.resolution), levels, strict=True):
            for shard in range(self.shards):
                rows = level[(shard - start) % self.shards :: self.shards]
                position = (start - shard + self.shards - 1) // self.shards
                file_name = level_file(self.name, resolution, shard, self.shards)
                path = os.path.join(self.directory, file_name)
                with named_errors(path), open(path, "r+b") as file:
                    file.seek(position * level.shape[1])
                    file.write(np.ascontiguousarray(rows).data)
        return len(levels[0])


class DatasetWriter:
    """Writes a data set, which gets its name when the `with` block succeeds.

        with DatasetWriter("datasets/mine", resolution=64, num_channels=3) as writer:
            for batch in batches:  # uint8 [n, 3, 64, 64]
                writer.add(batch)
            writer.set_labels(one_hot)  # optional: float32 [N, label size]

    All files are written into a hidden directory beside the target, which is flushed to the disk
    and renamed at the end. If the block fails, nothing is left. A killed process leaves only the
    hidden directory, which the next run removes.

    Args:
      path: the data set's directory; its last part is the data set's name.
      resolution: resolution of the images: a power of two, at least 4.
      num_channels: 1 or 3.
      force: replaces an existing data set.
      num_images: the number of images, if it is known. Then the disk space is checked for them,
        and a `with` block that adds another number fails.
      shards: number of files that each level is split into; image i is in file i % shards.
      compress: "png" or "gzip" compresses the images of 32x32 and more; None: plain records.
    Raises: UserError, at once, when the target exists, the disk space is too small, or an argument
      is not allowed.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        resolution: int,
        num_channels: int,
        *,
        force: bool = False,
        num_images: int | None = None,
        shards: int = 1,
        compress: str | None = None,
    ):
        self.path = os.fspath(path)
        check_size(resolution, num_channels)
        self.name = _checked_name(self.path)
        # If the path is a link, its target is written, on the target's disk, and the link stays.
        local = not storage.is_remote(self.path)
        self._target = os.path.realpath(self.path) if local else self.path
        parent, last = storage.split(self._target)
        self.resolution, self.num_channels, self.num_images = resolution, num_channels, 0
        self._force, self._expected, self.compress = force, num_images, compress
        self._target = storage.join(parent, last)
        self._partial = storage.join(
            parent, f".{last}.{socket.gethostname()}.{os.getpid()}{PARTIAL_SUFFIX}"
        )
        self._labels: np.ndarray | None = None
        self._shards = shards
        self._files: list[list[_LevelFile]] = []  # [level, full resolution first][shard]
        _check_place(self._target, force)
        if not 1 <= shards <= 99999:
            raise UserError(f"{shards} shards: their number must be 1 to 99999")
        if num_images is not None and 0 < num_images < shards:
            raise UserError(f"{num_images} images can't fill {shards} shards; use fewer shards")
        _check_open_files(shards * len(pyramid.resolutions(resolution)))
        if num_images is not None and not compress:
            check_space(self._target, size_on_disk(num_images, resolution, num_channels))

    def __enter__(self) -> "DatasetWriter":
        _remove_dead_partials(self._target)
        if storage.is_dir(self._partial):  # left by a killed process that had our process id
            storage.remove_tree(self._partial)
        try:
            storage.make_dirs(self._partial)
            for resolution in pyramid.resolutions(self.resolution):
                self._files.append([])
                for shard in range(self._shards):
                    file_name = level_file(self.name, resolution, shard, self._shards)
                    path = storage.join(self._partial, file_name)
                    self._files[-1].append(_LevelFile(path))
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._clear()

    def add(self, images: np.ndarray) -> None:
        """Appends images to every level.

        Args:
          images: uint8 [N, C, R, R].
        """
        shape = (self.num_channels, self.resolution, self.resolution)
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise ValueError(f"expected uint8 [N, {shape}], got {images.dtype} {images.shape}")
        self.add_encoded(encode(images, self.compress))

    def add_encoded(self, levels: Sequence[Records]) -> None:
        """Appends images' records as `encode` returns them, perhaps from another process."""
        for files, level in zip(self._files, levels, strict=True):
            for shard, file in enumerate(files):
                file.write(level[(shard - self.num_images) % self._shards :: self._shards])
        self.num_images += len(levels[0])

    def places(self) -> Places | None:
        """Returns the object with which other processes write records; `add_placed` counts them.

        None if other processes can't: when records are compressed, or written by `tf.io.gfile`.
        """
        if self.compress or storage.is_remote(self._target):
            return None
        return Places(self._partial, self.name, self.resolution, self._shards)

    def add_placed(self, count: int) -> None:
        """Counts images whose records another process has written with `places`."""
        self.num_images += count

    def set_labels(self, labels: np.ndarray) -> None:
        """Sets the labels, one row per image in the images' order: float32 [N, label size]."""
        self._labels = np.asarray(labels, np.float32)

    def add_file(self, name: str, content: bytes) -> None:
        """Writes a further file, such as a licence, into the data set's directory."""
        with storage.open_binary(storage.join(self._partial, name), "w") as file:
            file.write(content)

    def _clear(self) -> None:
        """Closes all files and removes the hidden directory."""
        try:
            self._close()
        finally:
            if storage.is_dir(self._partial):
                storage.remove_tree(self._partial)

    def _close(self) -> None:
        levels, self._files = self._files, []
        with contextlib.ExitStack() as stack:  # closes all files even if one fails to close
            for files in levels:
                for file in files:
                    stack.callback(file.close)

    def _finish(self) -> None:
        if self._expected not in (None, self.num_images):
            raise UserError(
                f"{self.path}: got {self.num_images} images instead of {self._expected}; nothing"
                " was written"
            )
        if self.num_images == 0:
            raise UserError(f"{self.path}: there are no images to write")
        if self.num_images < self._shards:
            raise UserError(
                f"{self.path}: {self.num_images} images can't fill {self._shards} shard(s);"
                " nothing was written"
            )
        if self._labels is not None:
            if len(self._labels) != self.num_images:
                raise ValueError(f"{len(self._labels)} labels for {self.num_images} images")
            with storage.open_binary(
                storage.join(self._partial, labels_file(self.name)), "w"
            ) as file:
                np.save(file, self._labels)
        self._close()
        if not storage.is_remote(self._partial):
            for name in os.listdir(self._partial):
                storage.flush(os.path.join(self._partial, name))
        replaced = None
        if storage.exists(self._target) and storage.names(self._target):
            _check_place(self._target, self._force)
            replaced = self._partial.removesuffix(PARTIAL_SUFFIX) + _REPLACED + PARTIAL_SUFFIX
        try:
            if replaced:
                storage.rename_dir(self._target, replaced)
            storage.rename_dir(self._partial, self._target)
        except BaseException:
            if replaced and storage.is_dir(replaced):
                storage.rename_dir(replaced, self._target)
            raise
        if replaced:
            storage.remove_tree(replaced)


class _LevelFile:
    """A file of a level being written; for compressed records, its index file too."""

    def __init__(self, path: str):
        self._path = path
        self._file = storage.open_binary(path, "w")
        self._lengths = array.array("Q")

    def write(self, level: Records) -> None:
        with named_errors(self._path):
            if isinstance(level, np.ndarray):
                self._file.write(np.ascontiguousarray(level).tobytes())
            else:
                self._file.write(b"".join(level))
                self._lengths.extend(map(len, level))

    def close(self) -> None:
        with named_errors(self._path):
            self._file.close()
            if self._lengths:
                offsets = np.concatenate([[0], np.cumsum(self._lengths)])
                with storage.open_binary(self._path + INDEX_SUFFIX, "w") as file:
                    file.write(index_bytes(offsets))
                self._lengths = array.array("Q")


def check_size(resolution: int, num_channels: int) -> None:
    """Raises UserError unless a data set can have images of this size."""
    if not pyramid.is_valid(resolution):
        raise UserError(f"resolution {resolution} is not a power of two of at least 4")
    if resolution > pyramid.MAX_RESOLUTION:
        raise UserError(f"resolution {resolution} is more than {pyramid.MAX_RESOLUTION}")
    if num_channels not in (1, 3):
        raise UserError(f"{num_channels} channels: images must have 1 (gray) or 3 (RGB)")


def _checked_name(path: str) -> str:
    """Returns the name of a data set. Raises UserError for a name that is not allowed."""
    _, name = storage.split(path)
    if name.startswith(".") or not name.isprintable():
        raise UserError(
            f"{path!r}: a data set's name must be printable and must not start with a dot"
        )
    return name


def check_target(path: str, force: bool) -> None:
    """Raises UserError unless a data set may be written to `path`.

    It may if the path does not exist or is an empty directory, and with `force` also if it is a
    data set. A directory that holds anything else is never replaced.
    """
    _checked_name(path)
    _check_place(path, force)


def _check_place(path: str, force: bool) -> None:
    """Does the checks of `check_target` except for the name, which a link may have changed."""
    if not storage.exists(path):
        return
    if not storage.is_dir(path):
        raise UserError(f"{path} is a file; choose another target")
    present = storage.names(path)
    if not present:
        return
    sets = {match[1] for name in present if (match := _LEVEL_FILE.fullmatch(name))}
    if len(sets) > 1:
        raise UserError(
            f"{path} holds {len(sets)} data sets, {' and '.join(sorted(sets)[:2])}; choose another"
            " target"
        )
    others = [name for name in present if not _LEVEL_FILE.fullmatch(name)]
    foreign = [
        name
        for name in present
        if storage.is_dir(storage.join(path, name))
        or (name in others and not _OTHER_FILE.fullmatch(name))
    ]
    if foreign or len(others) == len(present):
        raise UserError(
            f"{path} is in use and is not a data set (it holds {(foreign or others)[0]!r}); choose"
            " another target"
        )
    if not force:
        raise UserError(f"{path} exists already; --force replaces it")


def check_space(path: str, needed: int) -> None:
    """Raises UserError when the disk of `path` has less than `needed` bytes free."""
    free = storage.free_bytes(path)
    if free is not None and free < needed:
        raise UserError(
            f"{path} needs {storage.readable_size(needed)}, but the disk has"
            f" {storage.readable_size(free)} free"
        )


def _check_open_files(count: int) -> None:
    """Raises UserError when a process may not have `count` files open."""
    try:
        import resource
    except ImportError:  # this system has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and count > limit - _OTHER_OPEN_FILES:
        raise UserError(
            f"these shards need {count} files open at once, but this system allows {limit}; use"
            " fewer shards, or raise the limit with ulimit -n"
        )


def _remove_dead_partials(target: str) -> None:
    """Removes the hidden directories that killed processes on this machine left.

    A data set that was being replaced when its process was killed gets its name back.
    """
    parent, name = storage.split(target)
    if storage.is_remote(target) or not os.path.isdir(parent):
        return
    host = re.escape(socket.gethostname())
    ours = re.compile(
        rf"\.{re.escape(name)}\.{host}\.(\d+)({re.escape(_REPLACED)})?{re.escape(PARTIAL_SUFFIX)}"
    )
    for entry in os.listdir(parent):
        if (match := ours.fullmatch(entry)) and not _is_alive(int(match[1])):
            place = os.path.join(parent, entry)
            if match[2] and not os.path.lexists(target):
                os.rename(place, target)
            else:
                storage.remove_tree(place)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere, signal 0 does not just test for the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

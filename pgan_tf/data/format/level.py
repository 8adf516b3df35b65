"""One level of a data set: all images of one resolution, in one file or several."""

from collections.abc import Iterator

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import pyramid, record_files
from pgan_tf.errors import UserError

_KEPT_BYTES = 64 << 20  # levels up to this size are kept in memory
_HASHED_BYTES = 256 << 20  # files up to this size have their checksums collected


class Level:
    """All images of one resolution.

    They are in one file or several (shards): image i is record i // shards of shard i % shards.

    Args:
      resolution: resolution of the images.
      paths: paths of the shards, in order.
      remedy: advice that ends each error message.
    Raises: UserError when a file can't be opened or does not fit the others; see `record_files`.
    """

    def __init__(self, resolution: int, paths: list[str], remedy: str):
        if resolution > pyramid.MAX_RESOLUTION:
            raise UserError(
                f"{paths[0]}: images of {resolution}x{resolution} are larger than"
                f" {pyramid.MAX_RESOLUTION}x{pyramid.MAX_RESOLUTION}; {remedy}"
            )
        self.files = [record_files.open_file(path, resolution, remedy) for path in paths]
        if sum(file.num_bytes for file in self.files) <= _KEPT_BYTES:
            for file in self.files:
                file.keep_in_memory()
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
        """Returns images, uint8 [n, C, r, r], by their indices (int64 [n], in range).

        Raises: UserError when a record is damaged; if `check` is False, only when it can't be read.
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
        """Returns the stored checksums of all records, uint32 [N], shard after shard.

        None if a file is remote or larger than 256 MiB: reading it would take too long.
        """
        if any(storage.is_remote(f.path) or f.num_bytes > _HASHED_BYTES for f in self.files):
            return None
        return np.concatenate([block for file in self.files for block in file.checksums()])

    def check_blocks(self) -> Iterator[int]:
        """Checks every record of every file; yields each block's number of records.

        Raises: UserError that names file and record of the first fault.
        """
        for file in self.files:
            yield from file.check_blocks()


def level_file(name: str, resolution: int, shard: int = 0, shards: int = 1) -> str:
    """Returns the name of a level's file, <name>-rNN.tfrecords, where 2^NN is the resolution.

    With several shards, the name includes the shard: <name>-rNN-00000-of-00004.tfrecords.
    """
    part = f"-{shard:05d}-of-{shards:05d}" if shards > 1 else ""
    return f"{name}-r{resolution.bit_length() - 1:02d}{part}.tfrecords"


def labels_file(name: str) -> str:
    """Returns the name of the label file, <name>-rxx.labels."""
    return f"{name}-rxx.labels"

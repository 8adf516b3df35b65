"""create_from_hdf5: from the HDF5 files of the Theano version."""

import dataclasses
import functools
import os
import re

import h5py
import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build
from pgan_tf.errors import UserError


@functools.lru_cache(maxsize=4)
def _open(path: str) -> h5py.File:
    try:
        return h5py.File(storage.open_binary(path) if storage.is_remote(path) else path, "r")
    except OSError as error:
        raise UserError(f"{path} can't be read as HDF5 ({error})") from None


@dataclasses.dataclass(frozen=True)
class _Hdf5Source:
    """Images of one array in the file; see `build.Source`."""

    path: str
    array: str
    num_channels: int
    resolution: int

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, C, R, R]."""
        array = _open(self.path)[self.array]
        try:
            return np.stack([array[index] for index in indices.tolist()])
        except OSError as error:
            raise UserError(f"{self.path}: {self.array} is damaged ({error})") from None


def create(
    path: str | os.PathLike,
    hdf5_file: str | os.PathLike,
    *,
    shuffle: bool = True,
    workers: int | None = None,
    **options,
) -> int:
    """Makes a data set of an HDF5 file; returns the number of images.

    Args:
      path: the data set's directory.
      hdf5_file: holds arrays data{r}x{r}, uint8 [N, C, r, r], of which the largest is taken;
        labels come from <hdf5_file without suffix>-labels.npy, if there is one.
      shuffle: whether the records are in the official tool's shuffled order, or the file's.
      workers: processes; None: one a processor.
      options: force, shards, compress; see `build.build`.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    file = os.fspath(hdf5_file)
    if not storage.exists(file):
        raise UserError(f"{file} does not exist; name an HDF5 file with arrays data4x4, ...")
    arrays = [name for name, value in _open(file).items() if isinstance(value, h5py.Dataset)]
    matches = [re.fullmatch(r"data(\d+)x\1", name) for name in arrays]
    found = {int(match[1]): match[0] for match in matches if match}
    if not found:
        raise UserError(f"{file} has no arrays data4x4, data8x8, ...")
    resolution = max(found)
    array = _open(file)[found[resolution]]
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[2:] != (resolution, resolution):
        raise UserError(
            f"{file}: {found[resolution]} is {array.dtype} {list(array.shape)} instead of uint8"
            f" [N, C, {resolution}, {resolution}]"
        )
    n, channels = array.shape[:2]
    writer.check_size(resolution, channels)
    labels = _read_labels(os.path.splitext(file)[0] + "-labels.npy", n)
    source = _Hdf5Source(file, found[resolution], channels, resolution)
    order = build.shuffled(n, shuffle)
    labels = None if labels is None else labels[order]
    workers = build.num_workers(workers, file)
    return build.build(path, source, order=order, labels=labels, workers=workers, **options)


def _read_labels(path: str, num_images: int) -> np.ndarray | None:
    if not storage.exists(path):
        return None
    try:
        labels = storage.read_array(path)
    except ValueError as error:
        raise UserError(f"{path} is no array of numbers ({error})") from None
    if labels.dtype.kind not in "fiub" or labels.ndim != 2 or not np.isfinite(labels).all():
        raise UserError(
            f"{path} holds {labels.dtype} {list(labels.shape)}, not finite rows of numbers"
        )
    if len(labels) != num_images:
        raise UserError(f"{path} holds {len(labels)} labels instead of {num_images}")
    return labels

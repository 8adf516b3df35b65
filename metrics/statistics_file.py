"""Reads files of statistics, `mu` and `sigma` in an .npz, as other FID programs write them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from metrics.collector import Arrays
from metrics.inception import NUM_FEATURES
from pgan_tf import npy, zip_files
from pgan_tf.errors import UserError, one_line

_SHAPES = {"mu": (NUM_FEATURES,), "sigma": (NUM_FEATURES, NUM_FEATURES)}
_LONGEST_HEADER = 1 << 12  # bytes; NumPy's headers of such arrays have 128
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the two that NumPy writes
_ASYMMETRY = 1e-3  # allowed, relative to the largest covariance; float32 sums leave some 1e-5


class Statistics:
    """The mean and covariance of the Inception features of images that are not available.

    Attributes:
      name: name in tables and messages.
      arrays: the arrays of `metrics.features.Features`, without the features.
      num_images: None, since the file doesn't say.
      sizes: empty, since the sizes are unknown.
    """

    num_images = None
    sizes = ()

    def __init__(self, name: str, mean: np.ndarray, covariance: np.ndarray):
        self.name = name
        self.arrays: Arrays = {"mean": mean, "covariance": covariance}


def read_statistics(path: str | os.PathLike) -> Statistics:
    """Reads a file of statistics; other arrays in the file are not read.

    It takes no more memory than two arrays of the right size need, whatever the file declares.

    Raises: UserError unless the file holds a mean of 2048 features and their covariance.
    """
    path = os.fspath(path)
    try:
        with zip_files.opened(path) as archive:
            mean, covariance = (_read(archive, name) for name in _SHAPES)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or one_line(error)}") from None
    except zip_files.DAMAGE as error:
        raise UserError(
            f"{path} holds no usable statistics: {one_line(error)}; mu [{NUM_FEATURES}] and sigma"
            f" [{NUM_FEATURES}, {NUM_FEATURES}] of features of the 2015-12-05 Inception network"
            " are needed"
        ) from None
    return Statistics(Path(path).name, mean, covariance)


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Returns an array of the archive as float64. Raises: `zip_files.DAMAGE`."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"{name} is missing")
    info, shape = archive.getinfo(f"{name}.npy"), _SHAPES[name]
    most = _LONGEST_HEADER + 8 * int(np.prod(shape))
    if info.file_size > most:
        raise ValueError(f"{name} declares {info.file_size:,} bytes, more than it can have")
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{name} has a compression that NumPy does not write")
    with archive.open(info) as file:
        content = file.read(most + 1)  # reading to the end checks the checksum
    try:
        array = npy.read(content)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.shape != shape or array.dtype.kind != "f" or array.itemsize not in (4, 8):
        raise ValueError(f"{name} is {array.dtype} {list(array.shape)}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    if name == "sigma":
        _check_covariance(array)
    return array


def _check_covariance(sigma: np.ndarray) -> None:
    largest = np.abs(sigma).max()
    if np.abs(sigma - sigma.T).max() > _ASYMMETRY * largest or np.diagonal(sigma).min() < 0:
        raise ValueError("sigma is not a covariance matrix")

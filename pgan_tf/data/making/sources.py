"""Helpers that the modules of the well-known data sets share."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySource:
    """Images in memory, uint8 [N, C, R, R], as a source; see `build.Source`."""

    images: np.ndarray

    @property
    def num_channels(self) -> int:
        """Number of channels of the images, 1 or 3."""
        return self.images.shape[1]

    @property
    def resolution(self) -> int:
        """Side of the images in pixels."""
        return self.images.shape[2]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, C, R, R]."""
        return self.images[indices]


def directories(path: str, folders: Sequence[str] = ()) -> list[str]:
    """Returns the directories in which to look for a data set's files.

    Args:
      path: the directory that the user named, or a file in it.
      folders: folders below it that downloads unpack into, such as "a/b".
    Returns: the directory, followed by the folders that exist.
    """
    if storage.exists(path) and not storage.is_dir(path):
        path = parent_of(path)
    below = [storage.join(path, folder) for folder in folders]
    return [path, *filter(storage.is_dir, below)]


def parent_of(path: str) -> str:
    """Returns a file's directory, as a relative path if the file's path is relative."""
    return storage.split(path)[0] if storage.is_remote(path) else os.path.dirname(path) or "."


def find(directory: str, names: Sequence[str], origin: str) -> list[str]:
    """Returns the paths of the named files in a directory.

    Args:
      directory: the directory.
      names: names of the files.
      origin: where to download them, for the message.
    Raises: UserError if a file is missing.
    """
    paths = [storage.join(directory, name) for name in names]
    for path in paths:
        if not storage.exists(path):
            raise missing(path, names, directory, origin)
    return paths


def missing(path: str, names: Sequence[str], directory: str, origin: str) -> UserError:
    """Returns the error to raise for a missing file.

    Args:
      path: the missing file.
      names: names of all files that are needed.
      directory: where to put them.
      origin: where to download them.
    """
    return UserError(f"{path} is missing; {origin} has it: put {', '.join(names)} into {directory}")


def check_count(
    found: int, expected: int, what: str, where: str, allow_partial: bool = False
) -> None:
    """Checks the number of images found.

    Args:
      found, expected: numbers of images.
      what: what is counted, such as "images", for the message.
      where: the file or directory that holds them, for the message.
      allow_partial: True to accept fewer than expected, but at least one.
    Raises: UserError.
    """
    if found == expected or (allow_partial and 0 < found < expected):
        return
    hint = "; --allow-partial accepts fewer" if 0 < found < expected else ""
    raise UserError(f"{where} holds {found} {what} instead of {expected}{hint}")


def check_classes(classes: np.ndarray, num_images: int, label_size: int, where: str) -> np.ndarray:
    """Returns class numbers as int64 [num_images].

    Raises: UserError unless they are integers from 0 to label_size - 1, one per image.
    """
    classes = np.asarray(classes)
    if (
        classes.shape != (num_images,)
        or classes.dtype.kind not in "iu"
        or not ((classes >= 0) & (classes < label_size)).all()
    ):
        raise UserError(
            f"{where} does not hold one label from 0 to {label_size - 1} for each of its images"
        )
    return classes.astype(np.int64)

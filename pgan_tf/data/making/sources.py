"""What the modules of the well-known data sets share."""

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
        """1 or 3."""
        return self.images.shape[1]

    @property
    def resolution(self) -> int:
        """Of the images."""
        return self.images.shape[2]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, C, R, R]."""
        return self.images[indices]


def directories(path: str, folders: Sequence[str] = ()) -> list[str]:
    """Returns where files may lie when the user names a place.

    Args:
      path: a directory, or a file in it.
      folders: below it, "a/b", that downloads unpack into.
    Returns: the directory, and those of the folders that are there.
    """
    if storage.exists(path) and not storage.is_dir(path):
        path = parent_of(path)
    below = [storage.join(path, folder) for folder in folders]
    return [path, *filter(storage.is_dir, below)]


def parent_of(path: str) -> str:
    """Returns the directory that a file is in, relative if the file's path is."""
    return storage.split(path)[0] if storage.is_remote(path) else os.path.dirname(path) or "."


def find(directory: str, names: Sequence[str], origin: str) -> list[str]:
    """Returns the paths of the named files in a directory.

    Raises: UserError that says which file is missing and where it comes from.
    """
    paths = [storage.join(directory, name) for name in names]
    for path in paths:
        if not storage.exists(path):
            raise missing(path, names, directory, origin)
    return paths


def missing(path: str, names: Sequence[str], directory: str, origin: str) -> UserError:
    """Returns the error for a file that is not there, which tells where it comes from."""
    return UserError(f"{path} is missing; {origin} has it: put {', '.join(names)} into {directory}")


def check_count(
    found: int, expected: int, what: str, where: str, allow_partial: bool = False
) -> None:
    """Raises UserError unless there are as many as expected, or fewer (but some) are allowed."""
    if found == expected or (allow_partial and 0 < found < expected):
        return
    hint = "; --allow-partial takes what there is" if 0 < found < expected else ""
    raise UserError(f"{where} holds {found} {what} instead of {expected}{hint}")


def check_classes(classes: np.ndarray, num_images: int, label_size: int, where: str) -> np.ndarray:
    """Returns class numbers as int64 [num_images]. Raises: UserError unless they are such."""
    classes = np.asarray(classes)
    if (
        classes.shape != (num_images,)
        or classes.dtype.kind not in "iu"
        or not ((classes >= 0) & (classes < label_size)).all()
    ):
        raise UserError(f"{where} has no label from 0 to {label_size - 1} for each of its images")
    return classes.astype(np.int64)

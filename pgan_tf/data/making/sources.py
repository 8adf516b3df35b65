"""What the modules of the well-known data sets share."""

import dataclasses
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


def find(directory: str, names: Sequence[str], origin: str) -> list[str]:
    """Returns the paths of the named files in a directory.

    Raises: UserError that says which file is missing and where it comes from.
    """
    paths = [storage.join(directory, name) for name in names]
    for path in paths:
        if not storage.exists(path):
            raise UserError(
                f"{path} is missing; {origin} has it: put {', '.join(names)} into {directory}"
            )
    return paths


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

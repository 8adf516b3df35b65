"""info and verify: describes a data set, and checks that it is sound."""

import dataclasses
import os

import numpy as np

from pgan_tf import progress
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format import pyramid
from pgan_tf.errors import UserError

_BLOCK_BYTES = 32 << 20


@dataclasses.dataclass(frozen=True)
class Info:
    """A description of a data set's contents.

    Attributes:
      classes: (name, number of images) of each class; None unless labels are one-hot.
      storage: resolution -> (number of files, codec or None, size in bytes).
    """

    name: str
    num_images: int
    resolution: int
    num_channels: int
    label_size: int
    classes: list[tuple[str, int]] | None
    storage: dict[int, tuple[int, str | None, int]]

    @property
    def num_bytes(self) -> int:
        """Size of all levels in bytes."""
        return sum(size for _, _, size in self.storage.values())


def info(path: str | os.PathLike) -> Info:
    """Returns a description of a data set. Raises: UserError when it can't be opened."""
    dataset = Dataset(path, verify="off")
    counts = dataset.class_counts
    classes = None if counts is None else list(zip(dataset.class_names, counts, strict=True))
    return Info(
        dataset.name,
        dataset.num_images,
        dataset.resolution,
        dataset.num_channels,
        dataset.label_size,
        classes,
        {r: dataset.storage_of(r) for r in dataset.levels},
    )


def verify(path: str | os.PathLike) -> int:
    """Checks a whole data set.

    Checks every record's framing, shape and checksum, the numbers of images and labels, and each
    level against the one above. A level should be what `pyramid.levels` makes from the full images.
    If it is not, its pixels must still be within 1 of the mean of the four pixels above, which is
    as far as the rounding of both levels can take them.

    Returns: the number of images with a level that differs from `pyramid.levels` by rounding.
    Raises: UserError that names file and record of the first fault.
    """
    dataset = Dataset(path, verify="off")
    inexact = 0
    with progress.bar("images") as bar:
        task = bar.add_task(f"Checking {dataset.name}", total=dataset.num_images)
        step = max(1, _BLOCK_BYTES // (dataset.resolution**2 * dataset.num_channels))
        for start in range(0, dataset.num_images, step):
            indices = np.arange(start, min(start + step, dataset.num_images))
            inexact += _verify_images(dataset, indices)
            bar.advance(task, len(indices))
    return inexact


def _verify_images(dataset: Dataset, indices: np.ndarray) -> int:
    above = dataset.read_checked(dataset.resolution, indices)  # [n, C, r, r]
    inexact = np.zeros(len(indices), bool)
    computed = pyramid.levels(above)
    next(computed)
    for resolution, exact in zip(dataset.levels[-2::-1], computed, strict=True):
        stored = dataset.read_checked(resolution, indices)
        inexact |= (stored != exact).reshape(len(indices), -1).any(1)
        for n in np.nonzero(inexact)[0]:
            sums = above[n].astype(np.int32)
            sums = (
                sums[:, 0::2, 0::2]
                + sums[:, 1::2, 0::2]
                + sums[:, 0::2, 1::2]
                + sums[:, 1::2, 1::2]
            )
            if (np.abs(sums - 4 * stored[n].astype(np.int32)) > 4).any():
                file, record = dataset.locate(resolution, int(indices[n]))
                raise UserError(
                    f"{file}: record {record} is not the image of the level above, or was scaled"
                    " down in another way; make the data set again"
                )
        above = stored
    return int(inexact.sum())

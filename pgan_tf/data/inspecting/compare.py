"""compare: whether two data sets hold the same images and labels."""

import dataclasses
import os

import numpy as np

from pgan_tf import progress
from pgan_tf.data.dataset import Dataset

_BLOCK_BYTES = 16 << 20
_LISTED = 10  # indices of different images that the summary lists


@dataclasses.dataclass
class Comparison:
    """The summary of a comparison.

    Attributes:
      images_a, images_b: number of images in each data set.
      shape_a, shape_b: (channels, height, width) of the images; if the shapes differ, all images
        count as different.
      compared: number of pairs of images that were compared.
      identical_images, different_images: number of those that are identical, or differ.
      first_different: indices of the first images that differ.
      different_labels: number of differing labels; None if labels were ignored or neither data set
        has any.
      complete: whether all images were compared; False if the comparison was stopped early.
      interrupted: whether Ctrl-C stopped it.
    """

    images_a: int
    images_b: int
    shape_a: tuple[int, int, int]
    shape_b: tuple[int, int, int]
    compared: int = 0
    identical_images: int = 0
    different_images: int = 0
    first_different: list[int] = dataclasses.field(default_factory=list)
    different_labels: int | None = None
    complete: bool = False
    interrupted: bool = False

    @property
    def identical(self) -> bool:
        """Whether the data sets are the same in all that was to be compared."""
        return (
            self.complete
            and self.images_a == self.images_b
            and not self.different_images
            and not self.different_labels
        )


def compare(
    path_a: str | os.PathLike,
    path_b: str | os.PathLike,
    *,
    ignore_labels: bool = False,
    max_different: int | None = None,
) -> Comparison:
    """Compares the full-resolution images, and the labels, of two data sets in their order.

    Ctrl-C stops the comparison; the summary up to then is returned.

    Args:
      path_a, path_b: the data sets' directories.
      ignore_labels: compares no labels.
      max_different: stops after this number of different images, at least 1; None: never.
    Raises: ValueError for a number below 1; UserError when a data set can't be read.
    """
    if max_different is not None and max_different < 1:
        raise ValueError(f"max_different={max_different}: at least 1 is needed")
    a, b = Dataset(path_a), Dataset(path_b)
    shapes = [(data.num_channels, data.resolution, data.resolution) for data in (a, b)]
    result = Comparison(a.num_images, b.num_images, *shapes)
    if not ignore_labels and (a.labels is not None or b.labels is not None):
        result.different_labels = _different_labels(a, b)
    total = min(a.num_images, b.num_images)
    step = max(1, _BLOCK_BYTES // (a.resolution**2 * a.num_channels))
    with progress.bar("images") as bar:
        task = bar.add_task("Comparing", total=total)
        try:
            for start in range(0, total, step):
                indices = np.arange(start, min(start + step, total))
                different = np.ones(len(indices), bool)
                if result.shape_a == result.shape_b:
                    pair = (data.read(data.resolution, indices) for data in (a, b))
                    different = np.not_equal(*pair).reshape(len(indices), -1).any(1)
                _count(result, different, start, max_different)
                bar.update(task, completed=result.compared)
                if max_different is not None and result.different_images >= max_different:
                    return result
        except KeyboardInterrupt:
            result.interrupted = True
            return result
    result.complete = True
    return result


def _count(
    result: Comparison, different: np.ndarray, start: int, max_different: int | None
) -> None:
    found = np.nonzero(different)[0]
    compared = len(different)
    if max_different is not None and result.different_images + len(found) >= max_different:
        found = found[: max_different - result.different_images]
        compared = int(found[-1]) + 1
    result.compared += compared
    result.different_images += len(found)
    result.identical_images += compared - len(found)
    room = _LISTED - len(result.first_different)
    result.first_different += (found[:room] + start).tolist()


def _different_labels(a: Dataset, b: Dataset) -> int:
    n = min(a.num_images, b.num_images)
    if a.label_size != b.label_size:
        return n
    return int((a.labels[:n] != b.labels[:n]).any(1).sum())

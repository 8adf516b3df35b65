"""Nearest neighbours: the training images that are most like generated ones.

They show whether a network has copied its training images: copies have neighbours at a distance of
nearly 0.
"""

from typing import NamedTuple

import numpy as np

from pgan_tf import sheets
from pgan_tf.data.dataset import Dataset, SyntheticDataset, to_nhwc
from pgan_tf.data.format import pyramid

_RESOLUTION = 32  # images are compared at this resolution, if theirs isn't smaller
_BLOCK_BYTES = 64 << 20  # float64 pixels of the reals compared at a time


class Neighbours(NamedTuple):
    """The k nearest reals of n fakes, nearest first.

    Attributes:
      indices: int64 [n, k], indices of the reals in the data set; none occurs twice in a row.
      distances: float64 [n, k], root mean square differences of the pixels, 0..255.
      mirrored: bool [n, k], True where the mirrored real was nearer.
    """

    indices: np.ndarray
    distances: np.ndarray
    mirrored: np.ndarray


def nearest_reals(
    fakes: np.ndarray,
    dataset: Dataset | SyntheticDataset,
    k: int = 3,
    resolution: int | None = None,
    mirror: bool = True,
) -> Neighbours:
    """Finds the reals that differ least from each fake, pixel by pixel.

    The distance of images a and b is sqrt(mean((a - b)^2)) over pixels and channels. Both are taken
    at a coarse level of the data set, so that a shift by a pixel hardly matters. The search is
    exact; of reals at the same distance, the one with the lower index comes first.

    Reals are read once, in blocks: a million images at 32x32 take minutes and about 200 MB.

    Args:
      fakes: uint8 [n, R, R, C], R a power of two that the data set has.
      dataset: the reals.
      k: number of neighbours; fewer if the data set has fewer images.
      resolution: resolution at which images are compared; None: R, but at most 32.
      mirror: compare with the mirror images of reals too.
    Raises:
      ValueError: for fakes of another shape or dtype, or a `resolution` greater than theirs.
      UserError: if the data set lacks the level.
    """
    size = fakes.shape[1] if fakes.ndim == 4 else 0
    if fakes.dtype != np.uint8 or fakes.shape[1:] != (size, size, dataset.num_channels):
        raise ValueError(
            f"fakes are {fakes.dtype} {fakes.shape}, but uint8 [n, R, R, {dataset.num_channels}]"
            " is needed"
        )
    if k < 1:
        raise ValueError(f"k={k}: 1 or more is needed")
    resolution = resolution or min(size, _RESOLUTION)
    queries = _flat(_at_level(fakes, resolution))  # [n, pixels]
    if mirror:  # mirroring the fake instead of the real gives the same distance
        queries = np.concatenate([queries, _flat(_at_level(fakes[:, :, ::-1], resolution))])
    n, pixels = len(fakes), queries.shape[1]
    norms = np.square(queries).sum(1)
    indices = np.zeros([n, 0], np.int64)
    squares = np.zeros([n, 0])
    mirrored = np.zeros([n, 0], bool)
    block = max(_BLOCK_BYTES // (8 * pixels), 1)
    for first in range(0, dataset.num_images, block):
        which = np.arange(first, min(first + block, dataset.num_images))
        reals = _flat(dataset.read(resolution, which))
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b: whole numbers below 2^53, so exact in float64.
        differences = norms[:, None] + np.square(reals).sum(1) - 2 * (queries @ reals.T)
        flipped = np.zeros([n, len(which)], bool)
        if mirror:
            flipped = differences[n:] < differences[:n]
            differences = np.minimum(differences[:n], differences[n:])
        indices = np.concatenate([indices, np.broadcast_to(which, differences.shape)], 1)
        squares = np.concatenate([squares, differences], 1)
        mirrored = np.concatenate([mirrored, flipped], 1)
        nearest = np.argsort(squares, 1, kind="stable")[:, :k]
        indices, squares, mirrored = (
            np.take_along_axis(a, nearest, 1) for a in (indices, squares, mirrored)
        )
    return Neighbours(indices, np.sqrt(squares / pixels), mirrored)


def neighbours_sheet(
    fakes: np.ndarray,
    dataset: Dataset | SyntheticDataset,
    k: int = 3,
    columns: int = 2,
    zoom: int = 1,
    mirror: bool = True,
) -> np.ndarray:
    """Returns a picture of each fake beside its k nearest reals, on white: uint8 [h, w, C].

    Each group is a fake and, after a gap, its reals, nearest first and mirrored where that is
    nearer; see `sheets.group_sheet`.

    Args:
      fakes, dataset, k, mirror: see `nearest_reals`.
      columns: groups per row.
      zoom: factor by which pixels are enlarged.
    """
    near = nearest_reals(fakes, dataset, k, mirror=mirror)
    size = fakes.shape[1]
    reals = dataset.read(size, near.indices.reshape(-1))
    reals = reals.reshape(*near.indices.shape, *fakes.shape[1:])
    reals = np.where(near.mirrored[..., None, None, None], reals[:, :, :, ::-1], reals)
    groups = np.concatenate([fakes[:, None], reals], 1)
    return sheets.group_sheet(groups, columns, zoom, first_gap=3 * sheets.GAP)


def _at_level(images: np.ndarray, resolution: int) -> np.ndarray:
    """Returns images, uint8 [n, R, R, C], downscaled like a data set's level."""
    for level in pyramid.levels(np.ascontiguousarray(images.transpose(0, 3, 1, 2))):
        if level.shape[-1] == resolution:
            return to_nhwc(level)
    raise ValueError(
        f"images of {images.shape[1]}x{images.shape[1]} have no {resolution}x{resolution} level"
    )


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)

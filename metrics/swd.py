"""Sliced Wasserstein distance between patches of two sets of images (section 6.1).

Images -> Laplacian pyramid -> random 7x7 patches of each level, normalised (descriptors) ->
distances of sorted random projections. Section 6.1 gives the constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from metrics import chunks
from metrics.collector import Arrays, Collector, Images, Size, require_power_of_two
from metrics.metric import Metric, register
from metrics.tools import Tools

PATCH_SIZE = 7
PATCHES_PER_IMAGE = 128
NUM_REPEATS = 4
DIRECTIONS_PER_REPEAT = 128
MIN_RESOLUTION = 16
_CHUNK_PIXELS = 1 << 20
_BLOCK = 512  # descriptors processed at a time
_PROJECTED_FLOATS = 1 << 26  # projections per set held in memory at a time; more is faster
_FILTER = np.array([1, 4, 6, 4, 1], np.float32) / 16


def level_resolutions(resolution: int) -> list[int]:
    """Returns [resolution, ..., 32, 16].

    Raises: ValueError unless the resolution is a power of two, at least 16.
    """
    if resolution < MIN_RESOLUTION or resolution & (resolution - 1):
        raise ValueError(
            f"resolution {resolution} is not a power of two of at least {MIN_RESOLUTION}"
        )
    log2 = resolution.bit_length() - 1
    return [1 << n for n in range(log2, MIN_RESOLUTION.bit_length() - 2, -1)]


def laplacian_pyramid(images: np.ndarray | tf.Tensor) -> list[np.ndarray]:
    """Returns the Laplacian pyramid (Burt & Adelson 1983) down to 16x16.

    Level i is x_i - up(x_{i+1}), the last level x_i itself, with x_{i+1} = down(x_i). Both use
    the binomial filter [1 4 6 4 1]^2 / 256 (times 4 for up) with mirrored edges.

    Args:
      images: [N, R, R, C], uint8 0..255, or another real type.
    Returns: float32 [N, C, r, r] for r in level_resolutions(R), on the images' scale.
    """
    images = np.asarray(images)
    resolutions = level_resolutions(images.shape[1])
    n, _, _, c = images.shape
    levels = [np.empty((n, c, r, r), np.float32) for r in resolutions]
    start = 0
    for chunk, count in chunks.padded_chunks(
        images, chunks.chunk_size(images.shape[1], _CHUNK_PIXELS)
    ):
        for level, part in zip(levels, _pyramid(chunk), strict=True):
            level[start : start + count] = part.numpy()[:count]
        start += count
    return levels


@tf.function(jit_compile=True, autograph=False)
def _pyramid(images: tf.Tensor) -> list[tf.Tensor]:
    x = tf.cast(tf.transpose(images, [0, 3, 1, 2]), tf.float32)  # [N, C, R, R]
    levels = []
    for _ in level_resolutions(x.shape[2])[1:]:
        smaller = _down(_down(x, axis=2), axis=3)
        levels.append(x - _up(_up(smaller, axis=2), axis=3))
        x = smaller
    return [*levels, x]


def _down(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Filters along an axis, with mirrored edges, and keeps every other entry."""
    n = x.shape[axis]
    paddings = [[2, 2] if a == axis else [0, 0] for a in range(4)]
    x = tf.pad(x, paddings, "REFLECT")
    return tf.add_n(
        [float(_FILTER[k]) * _slice(x, axis, k, k + n - 1, step=2) for k in range(len(_FILTER))]
    )


def _up(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Puts zeros between the entries along an axis and applies the doubled filter, mirrored.

    Of the five weights [1 4 6 4 1] / 8, three fall on entries at even positions and two at odd.
    """
    n = x.shape[axis]
    after = tf.concat([_slice(x, axis, 1, n), _slice(x, axis, n - 1, n)], axis)
    before = tf.concat([_slice(x, axis, 1, 2), _slice(x, axis, 0, n - 1)], axis)
    even = (before + 6.0 * x + after) / 8.0
    odd = (x + after) / 2.0
    shape = list(x.shape)
    shape[axis] *= 2
    return tf.reshape(tf.stack([even, odd], axis + 1), shape)


def _slice(x: tf.Tensor, axis: int, start: int, stop: int, step: int = 1) -> tf.Tensor:
    index = [slice(None)] * 4
    index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def extract_patches(
    level: np.ndarray,
    rng: np.random.Generator,
    per_image: int = PATCHES_PER_IMAGE,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Returns 7x7 patches at random positions, `per_image` from each image.

    Args:
      level: [N, C, r, r], r >= 7.
      rng: draws 2 * per_image numbers for each image in turn, so the same images give the same
        patches in one call or in several.
      out: array to write the patches to; None: a new one.
    Returns: [N * per_image, C, 7, 7], of the level's type.
    """
    n, c, height, width = level.shape
    corners = rng.random((n, per_image, 2)) * [height - PATCH_SIZE + 1, width - PATCH_SIZE + 1]
    y, x = np.moveaxis(corners.astype(np.int64), -1, 0)
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH_SIZE, PATCH_SIZE), (2, 3))
    shape = (n, per_image, c, PATCH_SIZE, PATCH_SIZE)
    patches = np.empty(shape, level.dtype) if out is None else out.reshape(shape)

    def gather(block: slice) -> None:
        indices = np.arange(n)[block, None]
        patches[block] = windows[indices, :, y[block], x[block]]

    chunks.map_rows(gather, n, 16)
    return patches.reshape(n * per_image, c, PATCH_SIZE, PATCH_SIZE)


def finalize_descriptors(patches: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Normalises each channel to mean 0 and (population) standard deviation 1 over the whole set.

    Args:
      patches: [P, C, 7, 7], float32.
      out: array to write to; may be `patches.reshape(P, -1)` itself. None: a new one.
    Returns: float32 [P, C * 49]. A constant channel becomes 0.
    """
    p, c = patches.shape[:2]
    rows = patches.reshape(p, c, -1)
    size = p * rows.shape[2]
    # Sums are float32 within a block, which fits the cache, and float64 across blocks. Subtracting
    # a value near the mean first keeps the precision of the variance.
    center = rows[:_BLOCK].mean(axis=(0, 2))[:, None]

    def moments(block: slice) -> np.ndarray:
        difference = rows[block] - center
        first = difference.sum(axis=0).sum(axis=1, dtype=np.float64)
        second = np.einsum("pck,pck->ck", difference, difference).sum(axis=1, dtype=np.float64)
        return np.stack([first, second])

    shift, square = sum(chunks.map_rows(moments, p, _BLOCK)) / size
    mean = (center[:, 0] + shift).astype(np.float32)[:, None]
    deviation = np.sqrt(np.maximum(square - shift**2, 0))
    scale = np.divide(1, deviation, out=np.zeros(c), where=deviation > 0)
    scale = scale.astype(np.float32)[:, None]
    out = np.empty((p, c * rows.shape[2]), np.float32) if out is None else out
    target = out.reshape(rows.shape)

    def normalise(block: slice) -> None:
        np.subtract(rows[block], mean, out=target[block])
        np.multiply(target[block], scale, out=target[block])

    chunks.map_rows(normalise, p, _BLOCK)
    return out


def random_directions(rng: np.random.Generator, dimensions: int, count: int) -> np.ndarray:
    """Returns random unit vectors, uniform on the sphere: float32 [dimensions, count]."""
    directions = rng.standard_normal((dimensions, count))
    return (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    """Returns the Wasserstein-1 distance of the projections, averaged over the directions.

    For projections on a line it is the mean absolute difference of the sorted points.

    Args:
      a, b: descriptors, float32 [P, D], the same number in each.
      directions: unit vectors, float32 [D, K].
    Raises: ValueError when the shapes disagree.
    """
    if a.shape != b.shape or a.shape[1] != directions.shape[0]:
        raise ValueError(f"shapes disagree: {a.shape}, {b.shape}, directions {directions.shape}")
    total = 0.0
    step = int(np.clip(_PROJECTED_FLOATS // len(a), 8, directions.shape[1]))
    buffers = np.empty((2, step, len(a)), np.float32)
    for start in range(0, directions.shape[1], step):
        rows = np.ascontiguousarray(directions[:, start : start + step].T)
        projected = buffers[:, : len(rows)]
        for descriptors, out in zip((a, b), projected, strict=True):
            np.matmul(rows, descriptors.T, out=out)
        total += sum(chunks.map_rows(lambda s, p=projected: _distance(*p[:, s]), len(rows), 4))
    return total / (len(a) * directions.shape[1])


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the sum of absolute differences of the sorted rows; overwrites both arrays."""
    a.sort(axis=-1)
    b.sort(axis=-1)
    np.subtract(a, b, out=a)
    np.abs(a, out=a)
    return float(a.sum(axis=-1).sum(dtype=np.float64))


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    return np.empty(shape, np.float32)


class DescriptorSet:
    """Computes the finalized descriptors of a set of images that come in batches.

    Args:
      num_images: number of images to come, at least 1.
      resolution, channels: the images' resolution and number of channels.
      seed: seeds the positions of the patches; one or more integers.
      allocate: shape -> uninitialised float32 array, which may be backed by a file.
    """

    def __init__(
        self,
        num_images: int,
        resolution: int,
        channels: int,
        seed: int | Sequence[int],
        allocate: Callable[[tuple[int, ...]], np.ndarray] = _allocate,
    ):
        self._resolutions = level_resolutions(resolution)
        self._count, self._num_images = 0, num_images
        rows = (num_images * PATCHES_PER_IMAGE, channels, PATCH_SIZE, PATCH_SIZE)
        self._patches = [allocate(rows) for _ in self._resolutions]
        self._rngs = [np.random.default_rng([r, *np.atleast_1d(seed)]) for r in self._resolutions]

    def add(self, images: np.ndarray) -> None:
        """Adds the descriptors of images, uint8 [N, R, R, C], 0..255."""
        start = self._count * PATCHES_PER_IMAGE
        self._count += len(images)
        block = slice(start, self._count * PATCHES_PER_IMAGE)
        for level, patches, rng in zip(
            laplacian_pyramid(images), self._patches, self._rngs, strict=True
        ):
            extract_patches(level, rng, out=patches[block])

    def finish(self) -> dict[int, np.ndarray]:
        """Returns {resolution of the level: descriptors, float32 [num_images * 128, C * 49]}.

        Raises: ValueError unless `num_images` images were added.
        """
        if self._count != self._num_images:
            raise ValueError(f"got {self._count} images instead of {self._num_images}")
        return {
            resolution: finalize_descriptors(patches, out=patches.reshape(len(patches), -1))
            for resolution, patches in zip(self._resolutions, self._patches, strict=True)
        }


def distances(
    a: Mapping[int, np.ndarray], b: Mapping[int, np.ndarray], seed: int | Sequence[int]
) -> dict[str, float]:
    """Returns the sliced Wasserstein distance, times 1000, of each level, and their mean.

    Args:
      a, b: {resolution of the level: finalized descriptors, float32 [P, D]}.
      seed: seeds the random directions, 4 x 128 for each level.
    Returns: {"SWDx1e3_64": ..., "SWDx1e3_32": ..., "SWDx1e3_16": ..., "SWDx1e3_avg": ...}.
    """
    values = {}
    for resolution in sorted(a, reverse=True):
        descriptors = a[resolution]
        rng = np.random.default_rng([resolution, *np.atleast_1d(seed)])
        count = NUM_REPEATS * DIRECTIONS_PER_REPEAT
        directions = random_directions(rng, descriptors.shape[1], count)
        distance = sliced_wasserstein(descriptors, b[resolution], directions)
        values[f"SWDx1e3_{resolution}"] = distance * 1e3
    values["SWDx1e3_avg"] = float(np.mean(list(values.values())))
    return values


class Descriptors(Collector):
    """Computes the descriptors of each level of the pyramid.

    Arrays: {"<resolution>": descriptors of that level, float32 [count * 128, 147]}.
    """

    name = "descriptors"
    one_to_one = True

    @classmethod
    def check(cls, sizes: Sequence[Size], subject: str = "these") -> None:
        require_power_of_two(sizes, MIN_RESOLUTION, subject)

    def __init__(self, count: int, shape: Size | None, tools: Tools, random_stream: int):
        seed = (tools.seed, random_stream)
        self._set = DescriptorSet(count, shape[0], 3, seed, tools.cache.allocate)

    def add(self, images: Images) -> None:
        self._set.add(images)

    def finish(self) -> Arrays:
        return {str(resolution): array for resolution, array in self._set.finish().items()}


def columns(resolution: int) -> list[str]:
    """Returns the names of the values. Raises: ValueError, see `level_resolutions`."""
    return [f"SWDx1e3_{r}" for r in level_resolutions(resolution)] + ["SWDx1e3_avg"]


def compute(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns the `distances` between the arrays of two `Descriptors`."""
    reals, fakes = ({int(name): array for name, array in x.items()} for x in (reals, fakes))
    return distances(reals, fakes, tools.seed)


METRIC = register(
    Metric(
        name="swd",
        collector=Descriptors,
        num_images=16384,
        min_images=1,
        needs_reals=True,
        columns=columns,
        headline="SWDx1e3_avg",
        compute=compute,
        summary="sliced Wasserstein distance of patches",
    )
)

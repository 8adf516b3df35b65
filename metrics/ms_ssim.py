"""Multi-scale structural similarity of pairs of images (Wang, Simoncelli & Bovik 2003).

A low similarity of pairs of generated images means that they vary. Section 6.2 gives the constants.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from metrics import chunks
from metrics.collector import Arrays, Collector, Images, Size, require_power_of_two
from metrics.metric import Metric, register
from metrics.tools import Tools

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
MIN_RESOLUTION = 1 << (len(WEIGHTS) - 1)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_CHUNK_PIXELS = 1 << 18


def ms_ssim(x: np.ndarray | tf.Tensor, y: np.ndarray | tf.Tensor) -> np.ndarray:
    """Returns the similarity of each image in `x` to its counterpart in `y`.

    It is prod_{i<5} max(cs_i, 0)^w_i * max(ssim_5, 0)^w_5. Here cs_i (contrast and structure) and
    ssim_5 are means over pixels and channels at scale i of

      cs = (2 s_xy + c2) / (s_xx + s_yy + c2),   ssim = (2 m_x m_y + c1) / (m_x^2 + m_y^2 + c1) cs

    with Gaussian-weighted local means m and (co)variances s. Each scale is the 2x2 mean of the
    previous one. At a scale smaller than the window, the window shrinks to the scale's size, and
    sigma in proportion.

    Args:
      x, y: [N, R, R, C], uint8 0..255; R a power of two, at least 16.
    Returns: float64 [N], 0..1.
    Raises: ValueError for other shapes.
    """
    x, y = np.asarray(x), np.asarray(y)
    resolution = x.shape[1]
    if x.shape != y.shape or x.ndim != 4 or x.shape[2] != resolution:
        raise ValueError(f"shapes {x.shape} and {y.shape} are not of square images of one size")
    if resolution < MIN_RESOLUTION or resolution & (resolution - 1):
        raise ValueError(
            f"resolution {resolution} is not a power of two of at least {MIN_RESOLUTION}"
        )
    pairs = np.stack([x, y], axis=1)
    terms = np.concatenate(
        [
            _scale_terms(chunk).numpy()[:count]
            for chunk, count in chunks.padded_chunks(
                pairs, chunks.chunk_size(resolution, _CHUNK_PIXELS)
            )
        ]
    )
    return np.prod(np.maximum(terms.astype(np.float64), 0) ** WEIGHTS, axis=1)


def pair_similarities(images: np.ndarray | tf.Tensor) -> np.ndarray:
    """Returns `ms_ssim` of consecutive pairs, (0, 1), (2, 3), ...: float64 [N / 2].

    Args:
      images: [N, R, R, C], uint8 0..255.
    Raises: ValueError when N is odd.
    """
    images = np.asarray(images)
    if len(images) % 2:
        raise ValueError(f"{len(images)} images can't be paired")
    return ms_ssim(images[::2], images[1::2])


def gaussian_window(size: int) -> np.ndarray:
    """Returns the weights of the window along one axis: float32 [size], with sum 1."""
    sigma = WINDOW_SIGMA * size / WINDOW_SIZE
    offsets = np.arange(size) - (size - 1) / 2
    window = np.exp(-0.5 * (offsets / sigma) ** 2)
    return (window / window.sum()).astype(np.float32)


@tf.function(jit_compile=True, autograph=False)
def _scale_terms(pairs: tf.Tensor) -> tf.Tensor:
    """Returns [cs_1, cs_2, cs_3, cs_4, ssim_5] of pairs [N, 2, R, R, C]: float32 [N, 5]."""
    n, _, r, _, c = pairs.shape
    pairs = tf.cast(tf.transpose(pairs, [1, 0, 4, 2, 3]), tf.float32)  # [2, N, C, R, R]
    terms = []
    for scale in range(len(WEIGHTS)):
        contrast_structure, ssim = _similarity(pairs[0], pairs[1])
        last = scale == len(WEIGHTS) - 1
        terms.append(tf.reduce_mean(ssim if last else contrast_structure, axis=[1, 2, 3]))
        if not last:
            r //= 2
            pairs = tf.reduce_mean(tf.reshape(pairs, [2, n, c, r, 2, r, 2]), axis=[4, 6])
    return tf.stack(terms, axis=1)


def _similarity(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the maps of cs and ssim of images [N, C, r, r]."""
    window = gaussian_window(min(WINDOW_SIZE, x.shape[-1]))
    # Shifting the images by half their range leaves (co)variances unchanged, but makes the squares
    # smaller, so that float32 suffices. Only the sum of the variances is needed.
    u, v = x - 127.5, y - 127.5
    # XLA filters each of the concatenated maps once; it would filter separate maps at every use.
    maps = _filter(tf.concat([u, v, u * u + v * v, u * v], axis=0), window)
    mean_u, mean_v, squares, product = tf.split(maps, 4, axis=0)
    squares -= mean_u**2 + mean_v**2
    product -= mean_u * mean_v
    contrast_structure = (2.0 * product + _C2) / (squares + _C2)
    mean_x, mean_y = mean_u + 127.5, mean_v + 127.5
    luminance = (2.0 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return contrast_structure, luminance * contrast_structure


def _filter(x: tf.Tensor, window: np.ndarray) -> tf.Tensor:
    """Filters the last two axes with the separable window, without padding."""
    n = x.shape[-1] - len(window) + 1
    x = sum(float(w) * x[..., k : k + n, :] for k, w in enumerate(window))
    return sum(float(w) * x[..., k : k + n] for k, w in enumerate(window))


class PairSimilarities:
    """Computes the similarities of consecutive pairs of images that come in batches of any size."""

    def __init__(self):
        self._values: list[np.ndarray] = []
        self._waiting: np.ndarray | None = None  # an image without its partner

    def add(self, images: np.ndarray) -> None:
        """Adds images, uint8 [N, R, R, C], 0..255."""
        if self._waiting is not None:
            images = np.concatenate([self._waiting, images])
        even = len(images) // 2 * 2
        self._waiting = images[even:] if even < len(images) else None
        if even:
            self._values.append(pair_similarities(images[:even]))

    def finish(self) -> np.ndarray:
        """Returns the similarities, float64 [number of pairs].

        Raises: ValueError when the number of images is odd.
        """
        if self._waiting is not None:
            raise ValueError("an odd number of images can't be paired")
        return np.concatenate(self._values)


class Similarities(Collector):
    """Computes {"similarities": similarities of consecutive pairs, float64 [count / 2]}."""

    name = "similarities"
    group = 2
    grouping = "images are compared in pairs"

    @classmethod
    def check(cls, sizes: Sequence[Size], subject: str = "these") -> None:
        require_power_of_two(sizes, MIN_RESOLUTION, subject)

    def __init__(self, count: int, shape: Size | None, tools: Tools, random_stream: int):
        self._pairs = PairSimilarities()

    def add(self, images: Images) -> None:
        self._pairs.add(images)

    def finish(self) -> Arrays:
        return {"similarities": self._pairs.finish()}


def compute(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns the mean similarity."""
    return {"MS-SSIM": float(fakes["similarities"].mean())}


METRIC = register(
    Metric(
        name="msssim",
        collector=Similarities,
        num_images=20000,
        min_images=2,
        needs_reals=False,
        columns=lambda resolution: ["MS-SSIM"],
        headline="MS-SSIM",
        compute=compute,
        summary="multi-scale structural similarity of pairs",
    )
)

"""The metrics' formulas in plain NumPy and SciPy, for comparison.

Tests compare with their values, and `benchmarks/metrics.py` with their speed. They follow section
6 step by step, in float64 unless the type is stated, and are slow.
"""

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.signal

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256


def pyramid_down(x: np.ndarray) -> np.ndarray:
    """Returns x [N, C, r, r], filtered and reduced to half the size."""
    return scipy.ndimage.convolve(x, BINOMIAL[None, None], mode="mirror")[:, :, ::2, ::2]


def pyramid_up(x: np.ndarray) -> np.ndarray:
    """Returns x [N, C, r, r], enlarged to twice the size."""
    n, c, h, w = x.shape
    spread = np.zeros((n, c, 2 * h, 2 * w), x.dtype)
    spread[:, :, ::2, ::2] = x
    return scipy.ndimage.convolve(spread, BINOMIAL[None, None] * 4, mode="mirror")


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Returns the levels [N, C, r, r] of uint8 images [N, R, R, C], down to 16x16; float32."""
    x = images.transpose(0, 3, 1, 2).astype(np.float32)
    levels = []
    while x.shape[2] > 16:
        smaller = pyramid_down(x)
        levels.append(x - pyramid_up(smaller))
        x = smaller
    return [*levels, x]


def descriptors(level: np.ndarray, rng: np.random.Generator, per_image: int = 128) -> np.ndarray:
    """Returns normalised random 7x7 patches of a level: float32 [N * per_image, C * 49]."""
    n, c, h, w = level.shape
    total = n * per_image
    image = np.repeat(np.arange(n), per_image)[:, None, None, None]
    _, channel, dy, dx = np.ogrid[:1, :c, :7, :7]
    y = rng.integers(0, h - 6, (total, 1, 1, 1)) + dy
    x = rng.integers(0, w - 6, (total, 1, 1, 1)) + dx
    patches = level[image, channel, y, x]
    patches -= patches.mean(axis=(0, 2, 3), keepdims=True)
    patches /= patches.std(axis=(0, 2, 3), keepdims=True)
    return patches.reshape(total, -1)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> float:
    """Returns the distance between descriptors along 4 x 128 random directions; float32."""
    results = []
    for _ in range(4):
        directions = rng.standard_normal((a.shape[1], 128))
        directions /= np.sqrt(np.sum(np.square(directions), axis=0))
        directions = directions.astype(np.float32)
        sorted_a = np.sort(a @ directions, axis=0)
        sorted_b = np.sort(b @ directions, axis=0)
        results.append(np.mean(np.abs(sorted_a - sorted_b)))
    return float(np.mean(results))


def ms_ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the similarity of each pair of uint8 images [N, R, R, C]: [N]."""
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    x, y = x.astype(np.float64), y.astype(np.float64)
    values = np.ones(len(x))
    for scale, weight in enumerate(weights):
        contrast_structure, ssim = _ssim(x, y)
        term = ssim if scale == len(weights) - 1 else contrast_structure
        values *= np.maximum(term, 0) ** weight
        n, r, _, c = x.shape
        if scale < len(weights) - 1:
            x, y = (z.reshape(n, r // 2, 2, r // 2, 2, c).mean(axis=(2, 4)) for z in (x, y))
    return values


def _ssim(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = min(11, x.shape[1])
    offsets = np.arange(size) - (size - 1) / 2
    gauss = np.exp(-0.5 * (offsets / (1.5 * size / 11)) ** 2)
    window = np.outer(gauss, gauss)[None, :, :, None] / gauss.sum() ** 2

    def mean(z):
        return scipy.signal.fftconvolve(z, window, mode="valid")

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    contrast_structure = (2 * covariance + c2) / (var_x + var_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    axes = (1, 2, 3)
    return contrast_structure.mean(axis=axes), (luminance * contrast_structure).mean(axis=axes)


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Returns the distance between features [N, D] and [M, D], by SciPy's matrix square root."""
    covariance_x, covariance_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(covariance_x @ covariance_y)
    difference = x.mean(axis=0) - y.mean(axis=0)
    return float(
        difference @ difference + np.trace(covariance_x + covariance_y - 2 * np.real(root))
    )

"""Inputs for `benchmarks/metrics.py`, and measurements of the plain versions."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import metrics_reference


def once(function: Callable[[], object]) -> float:
    """Returns the seconds that one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def images(n: int, resolution: int, seed: int) -> np.ndarray:
    """Returns images of smooth colours with noise, uint8 [n, r, r, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 50, (n, 8, 8, 3)).repeat(resolution // 8, 1).repeat(resolution // 8, 2)
    return np.clip(coarse + rng.normal(0, 12, coarse.shape), 0, 255).astype(np.uint8)


def image_sets() -> list[np.ndarray]:
    """Returns two sets of 1,024 images of 64x64."""
    return [images(1024, 64, seed) for seed in (0, 1)]


def plain_swd() -> list[float]:
    """Returns the seconds for the descriptors, and for the distances, of `image_sets`."""
    sets, rng, pairs = image_sets(), np.random.default_rng(0), []

    def descriptors():
        levels = map(metrics_reference.laplacian_pyramid, sets)
        made = [[metrics_reference.descriptors(x, rng) for x in each] for each in levels]
        pairs.extend(zip(*made, strict=True))

    return [
        once(descriptors),
        once(lambda: [metrics_reference.sliced_wasserstein(x, y, rng) for x, y in pairs]),
    ]


def image_pairs(resolution: int, count: int) -> list[np.ndarray]:
    """Returns two arrays of `count` images each."""
    return [images(count, resolution, seed) for seed in (0, 1)]


def plain_ms_ssim(resolution: int, count: int) -> float:
    """Returns the pairs per second of MS-SSIM."""
    x, y = image_pairs(resolution, count)
    return count / once(lambda: metrics_reference.ms_ssim(x, y))


def feature_sets(n: int) -> list[np.ndarray]:
    """Returns two float32 arrays of features, [n, 2048] each."""
    rng = np.random.default_rng(0)
    return [np.maximum(rng.standard_normal((n, 2048)), 0).astype(np.float32) for _ in range(2)]


def plain_frechet(n: int) -> float:
    """Returns the seconds for the Frechet distance of n features to n others."""
    x, y = feature_sets(n)
    return once(lambda: metrics_reference.frechet_distance(x, y))

"""Kernel inception distance (Binkowski et al. 2018): features -> unbiased squared MMD."""

from collections.abc import Sequence

import numpy as np

from metrics.collector import Arrays
from metrics.features import Features
from metrics.metric import Metric, register
from metrics.tools import Tools

NUM_SUBSETS = 100
MAX_SUBSET_SIZE = 1000
MIN_IMAGES = 2


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the unbiased estimate of the squared maximum mean discrepancy (MMD).

    mean_{i!=j} k(a_i, a_j) + mean_{i!=j} k(b_i, b_j) - 2 mean_{ij} k(a_i, b_j) with the
    polynomial kernel k(x, y) = (x . y / D + 1)^3.

    Args:
      a, b: features, float32 [N, D], [M, D]; N, M >= 2.
    """
    return _mean_between_all(a) + _mean_between_all(b) - 2 * float(_kernel(a, b).mean())


def _mean_between_all(x: np.ndarray) -> float:
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ((x @ y.T).astype(np.float64) / x.shape[1] + 1) ** 3


def subset_distances(
    a: np.ndarray,
    b: np.ndarray,
    seed: int | Sequence[int],
    num_subsets: int = NUM_SUBSETS,
    subset_size: int = MAX_SUBSET_SIZE,
) -> np.ndarray:
    """Returns `kernel_distance` of random subsets, drawn without replacement: [num_subsets].

    The metric is the mean and standard deviation of these distances.

    Args:
      a, b: features, float32 [N, D], [M, D].
      seed: seeds the choice of subsets.
      subset_size: images per subset; reduced to N or M if that is smaller.
    Raises: ValueError when N, M or subset_size is below 2.
    """
    size = min(subset_size, len(a), len(b))
    if size < MIN_IMAGES:
        raise ValueError(f"subsets of {size} images are too small; at least 2 are needed")
    rng = np.random.default_rng(seed)
    distances = np.empty(num_subsets)
    for i in range(num_subsets):
        chosen_a = a[rng.choice(len(a), size, replace=False)]
        chosen_b = b[rng.choice(len(b), size, replace=False)]
        distances[i] = kernel_distance(chosen_a, chosen_b)
    return distances


def compute(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns the mean and standard deviation of `subset_distances`, times 1000."""
    distances = subset_distances(reals["features"], fakes["features"], tools.seed) * 1e3
    return {
        "KIDx1e3_mean": float(np.mean(distances)),
        "KIDx1e3_std": float(np.std(distances)),
    }


METRIC = register(
    Metric(
        name="kid",
        collector=Features,
        num_images=50000,
        min_images=MIN_IMAGES,
        needs_reals=True,
        columns=lambda resolution: ["KIDx1e3_mean", "KIDx1e3_std"],
        headline="KIDx1e3_mean",
        compute=compute,
        summary="kernel inception distance",
    )
)

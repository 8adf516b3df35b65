"""Frechet inception distance (Heusel et al. 2017): features -> mean, covariance -> distance."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
import threadpoolctl

MIN_IMAGES = 2


class Gaussian(NamedTuple):
    """The normal distribution fitted to features: float64 mean [D], covariance [D, D]."""

    mean: np.ndarray
    covariance: np.ndarray


def statistics(features: np.ndarray) -> Gaussian:
    """Returns mean and (unbiased) covariance of features [N, D], N >= 2, in float64."""
    features = np.asarray(features)
    if len(features) < MIN_IMAGES:
        raise ValueError(f"{len(features)} images have no covariance; at least 2 are needed")
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), 4096):
        centered = features[start : start + 4096] - mean
        covariance += centered.T @ centered
    return Gaussian(mean, covariance / (len(features) - 1))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Returns |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    The trace of the root is the sum of the singular values of C_a^(1/2) C_b^(1/2), which stays
    real and exact where covariances are singular, as they are with fewer images than features.

    Raises: ValueError when the dimensions disagree or a number is not finite.
    """
    if a.covariance.shape != b.covariance.shape:
        raise ValueError(f"features of {len(a.mean)} and {len(b.mean)} dimensions")
    # These decompositions synchronise their threads thousands of times: beside another busy
    # process several threads take ten times as long as one, and alone hardly less.
    with threadpoolctl.threadpool_limits(1, "blas"):
        roots = _root(a.covariance).T @ _root(b.covariance)
        trace_of_root = scipy.linalg.svdvals(roots, overwrite_a=True).sum() if roots.size else 0.0
    difference = a.mean - b.mean
    trace = np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_of_root
    return max(float(difference @ difference + trace), 0.0)  # of equal ones rounding leaves -1e-14


def _root(covariance: np.ndarray) -> np.ndarray:
    """Returns R [D, rank] with R R^T = covariance; rounding noise does not count as rank."""
    values, vectors = scipy.linalg.eigh(covariance, driver="evd")
    significant = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, significant] * np.sqrt(values[significant])

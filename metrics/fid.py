"""Frechet inception distance (Heusel et al. 2017): features -> mean, covariance -> distance."""

import numpy as np
import scipy.linalg
import threadpoolctl

from metrics.collector import Arrays
from metrics.features import MIN_IMAGES, Features, Gaussian
from metrics.features import statistics as statistics
from metrics.inception import NUM_FEATURES
from metrics.metric import Metric, register
from metrics.tools import Tools


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Returns |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).

    The trace of the root is computed as the sum of the singular values of C_a^(1/2) C_b^(1/2). It
    stays real and exact for singular covariances, which fewer images than features have.

    Raises: ValueError when the dimensions differ or a number is not finite.
    """
    if a.covariance.shape != b.covariance.shape:
        raise ValueError(f"features of {len(a.mean)} and {len(b.mean)} dimensions")
    # These decompositions synchronise their threads thousands of times. Several threads are hardly
    # faster than one, and ten times slower while another process is busy.
    with threadpoolctl.threadpool_limits(1, "blas"):
        roots = _root(a.covariance).T @ _root(b.covariance)
        trace_of_root = scipy.linalg.svdvals(roots, overwrite_a=True).sum() if roots.size else 0.0
    difference = a.mean - b.mean
    trace = np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_of_root
    return max(float(difference @ difference + trace), 0.0)  # rounding gives -1e-14 if a equals b


def _root(covariance: np.ndarray) -> np.ndarray:
    """Returns R [D, rank] with R R^T = covariance; rounding noise does not count as rank."""
    values, vectors = scipy.linalg.eigh(covariance, driver="evd")
    significant = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, significant] * np.sqrt(values[significant])


def compute(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns {"FID": the distance} from arrays with "mean" and "covariance"."""
    a, b = (Gaussian(x["mean"], x["covariance"]) for x in (reals, fakes))
    return {"FID": frechet_distance(a, b)}


def caution(num_images: int | None, num_reals: int | None) -> str:
    """Returns a warning if there are fewer images than features, or ""."""
    known = [count for count in (num_images, num_reals) if count is not None]
    if min(known, default=NUM_FEATURES) >= NUM_FEATURES:
        return ""
    return (
        f"with fewer than {NUM_FEATURES:,} different images or reals the value is too high; here"
        f" there are {min(known):,}, so compare it only with values of the same number of images"
    )


METRIC = register(
    Metric(
        name="fid",
        collector=Features,
        num_images=50000,
        min_images=MIN_IMAGES,
        needs_reals=True,
        columns=lambda resolution: ["FID"],
        headline="FID",
        compute=compute,
        summary="Frechet inception distance",
        from_statistics=True,
        caution=caution,
    )
)

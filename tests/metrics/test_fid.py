import metrics_reference
import numpy as np
import pytest
import scipy.linalg

from metrics import fid


def distance(x, y):
    return fid.frechet_distance(fid.statistics(x), fid.statistics(y))


def test_equals_the_official_value(golden):
    arrays = golden("metrics.npz")
    found = distance(arrays["frechet_X"], arrays["frechet_Y"])
    assert found == pytest.approx(golden("metrics.json")["frechet"], rel=1e-6)


def test_statistics_equal_numpy():
    features = np.random.default_rng(0).standard_normal((9000, 5)).astype(np.float32) + 100
    gaussian = fid.statistics(features)
    np.testing.assert_allclose(gaussian.mean, features.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        gaussian.covariance, np.cov(features.astype(np.float64), rowvar=False), atol=1e-12
    )


def test_equals_scipys_matrix_root():
    rng = np.random.default_rng(1)
    x, y = (
        rng.standard_normal((300, 40)),
        rng.standard_normal((250, 40)) @ np.diag(rng.uniform(0.1, 3, 40)),
    )
    assert distance(x, y) == pytest.approx(metrics_reference.frechet_distance(x, y), rel=1e-6)


def test_fewer_images_than_features_equal_the_nuclear_norm():
    """With X, Y the centred features, tr (C_x C_y)^(1/2) is the nuclear norm of X Y^T."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, 300)) * rng.uniform(0.01, 10, 300)
    y = rng.standard_normal((70, 300)) * rng.uniform(0.01, 10, 300) + 0.3
    centered_x = (x - x.mean(0)) / np.sqrt(49)
    centered_y = (y - y.mean(0)) / np.sqrt(69)
    expected = (
        ((x.mean(0) - y.mean(0)) ** 2).sum()
        + (centered_x**2).sum()
        + (centered_y**2).sum()
        - 2 * scipy.linalg.svdvals(centered_x @ centered_y.T).sum()
    )
    assert distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert distance(y, x) == pytest.approx(distance(x, y), rel=1e-6)


def test_equal_sets_are_at_distance_zero():
    x = np.random.default_rng(3).standard_normal((30, 100))
    assert abs(distance(x, x)) < 1e-9 * np.trace(fid.statistics(x).covariance)
    flat = np.ones((5, 4))
    assert distance(flat, flat) == 0


def test_one_image_and_unequal_features_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        fid.statistics(np.ones((1, 4)))
    with pytest.raises(ValueError, match="3 and 4 dimensions"):
        distance(np.ones((5, 3)), np.ones((5, 4)))

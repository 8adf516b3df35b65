import itertools

import numpy as np
import pytest

from metrics import kid


def test_equals_the_formula_written_out():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((6, 10)), rng.standard_normal((5, 10)) + 0.5

    def kernel(x, y):
        return (x @ y / 10 + 1) ** 3

    expected = (
        np.mean([kernel(x, y) for x, y in itertools.permutations(a, 2)])
        + np.mean([kernel(x, y) for x, y in itertools.permutations(b, 2)])
        - 2 * np.mean([kernel(x, y) for x, y in itertools.product(a, b)])
    )
    assert kid.kernel_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_subsets_estimate_the_whole_distance():
    rng = np.random.default_rng(1)
    a = rng.standard_normal((600, 64)).astype(np.float32)
    b = rng.standard_normal((700, 64)).astype(np.float32) + 0.3
    distances = kid.subset_distances(a, b, seed=0, num_subsets=100, subset_size=100)
    error = distances.std() / np.sqrt(100)
    assert distances.mean() == pytest.approx(kid.kernel_distance(a, b), abs=4 * error)
    assert error < 0.05 * distances.mean()
    np.testing.assert_array_equal(
        distances, kid.subset_distances(a, b, seed=0, num_subsets=100, subset_size=100)
    )


def test_small_sets_are_used_whole():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((20, 8)), rng.standard_normal((20, 8))
    distances = kid.subset_distances(a, b, seed=0, num_subsets=3)
    np.testing.assert_allclose(distances, kid.kernel_distance(a, b), rtol=1e-9)


def test_one_image_is_refused():
    with pytest.raises(ValueError, match="subsets of 1 images"):
        kid.subset_distances(np.ones((1, 4)), np.ones((5, 4)), seed=0)

import metrics_reference
import numpy as np
import pytest
import tensorflow as tf

from metrics import ms_ssim


def smooth_pair(n, resolution, seed=0):
    """Returns images with structure at every scale, and the same with noise."""
    rng = np.random.default_rng(seed)
    x = np.full((n, resolution, resolution, 3), 128.0)
    for size in (2, 4, 8, 16):
        coarse = rng.normal(0, 30, (n, size, size, 3))
        x += coarse.repeat(resolution // size, axis=1).repeat(resolution // size, axis=2)
    y = x + rng.normal(0, 40, x.shape)
    return [np.clip(np.rint(z), 0, 255).astype(np.uint8) for z in (x, y)]


@pytest.mark.parametrize("similarity", [ms_ssim.ms_ssim, metrics_reference.ms_ssim])
def test_equals_the_official_values(golden, similarity):
    arrays, expected = golden("metrics.npz"), golden("metrics.json")["ms_ssim"]
    a = arrays["images_A"].transpose(0, 2, 3, 1)
    x32, y32, x128 = (arrays[f"msssim_{name}"] for name in ("32_x", "32_y", "128_x"))
    y128, x256 = golden("msssim_128_y.webp"), golden("msssim_256_x.webp")
    found = {
        "A_pairs_64": similarity(a[::2], a[1::2]),
        "32_x_vs_y": similarity(x32, y32),
        "32_pairs": similarity(x32[::2], x32[1::2]),
        "128_x_vs_y": similarity(x128, y128),
        "128_pairs": similarity(x128[::2], x128[1::2]),
        "256_pairs": similarity(x256[::2], x256[1::2]),
    }
    assert expected.keys() - found.keys() == {"256_x_vs_y"}  # see tests/golden/README.md
    for name, similarities in found.items():
        assert similarities.mean() == pytest.approx(expected[name], abs=1e-5), name


@pytest.mark.parametrize("resolution", [16, 64, 256])
def test_equals_scipy(resolution):
    x, y = smooth_pair(3, resolution)
    expected = metrics_reference.ms_ssim(x, y)
    assert np.all((expected > 0.3) & (expected < 0.99))
    np.testing.assert_allclose(ms_ssim.ms_ssim(x, y), expected, atol=1e-5)
    np.testing.assert_allclose(ms_ssim.ms_ssim(tf.constant(x), tf.constant(y)), expected, atol=1e-5)


def test_equal_images_are_1_even_where_flat():
    x, _ = smooth_pair(2, 32)
    x[0] = 255
    np.testing.assert_allclose(ms_ssim.ms_ssim(x, x), 1, atol=1e-5)


def test_negative_terms_are_clipped():
    x, _ = smooth_pair(2, 64)
    np.testing.assert_array_equal(ms_ssim.ms_ssim(x, 255 - x), 0)


def test_batches_of_any_size_give_the_same_pairs():
    images = np.concatenate(smooth_pair(11, 32))
    expected = ms_ssim.pair_similarities(images)
    for batch in (1, 3, 22):
        pairs = ms_ssim.PairSimilarities()
        for start in range(0, len(images), batch):
            pairs.add(images[start : start + batch])
        np.testing.assert_array_equal(pairs.finish(), expected)


def test_odd_numbers_and_other_shapes_are_refused():
    images = smooth_pair(3, 32)[0]
    with pytest.raises(ValueError, match="3 images can't be paired"):
        ms_ssim.pair_similarities(images)
    pairs = ms_ssim.PairSimilarities()
    pairs.add(images)
    with pytest.raises(ValueError, match="odd"):
        pairs.finish()
    with pytest.raises(ValueError, match="not of square images of one size"):
        ms_ssim.ms_ssim(images, images[:2])
    with pytest.raises(ValueError, match="resolution 8"):
        ms_ssim.ms_ssim(images[:, :8, :8], images[:, :8, :8])

import metrics_reference
import numpy as np
import pytest
import tensorflow as tf

from metrics import swd


@pytest.fixture(scope="module")
def values(golden):
    return golden("metrics.npz"), golden("metrics.json")


def nhwc(images):
    return images.transpose(0, 2, 3, 1)


def noise(n, resolution, channels=3, seed=0):
    shape = (n, resolution, resolution, channels)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_pyramid_equals_the_official_one(values):
    images = nhwc(values[0]["images_A"][:4])
    for given in (images, tf.constant(images)):
        levels = swd.laplacian_pyramid(given)
        assert [level.shape[2] for level in levels] == [64, 32, 16]
        for i, level in enumerate(levels):
            # Values are 0 to 255, and the order of float32 sums differs.
            np.testing.assert_allclose(level, values[0][f"pyramid_A_first4/level{i}"], atol=1e-3)


@pytest.mark.parametrize("resolution,channels", [(16, 3), (32, 1), (128, 3)])
def test_pyramid_equals_scipy(resolution, channels):
    images = noise(3, resolution, channels)
    expected = metrics_reference.laplacian_pyramid(images)
    levels = swd.laplacian_pyramid(images)
    assert len(levels) == len(expected)
    for level, wanted in zip(levels, expected, strict=True):
        np.testing.assert_allclose(level, wanted, atol=1e-3)


@pytest.mark.parametrize("resolution", [8, 48])
def test_pyramid_refuses_other_resolutions(resolution):
    with pytest.raises(ValueError, match=str(resolution)):
        swd.laplacian_pyramid(noise(1, resolution))


def test_descriptors_equal_the_official_ones(values):
    raw = values[0]["descriptors_raw"]
    expected = values[0]["descriptors_finalized"]
    np.testing.assert_allclose(swd.finalize_descriptors(raw), expected, atol=1e-5)
    in_place = raw.copy()
    swd.finalize_descriptors(in_place, out=in_place.reshape(len(raw), -1))
    np.testing.assert_allclose(in_place.reshape(len(raw), -1), expected, atol=1e-5)


def test_normalisation_is_exact_far_from_zero_and_for_constant_channels():
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((20_000, 2, 7, 7)).astype(np.float32)
    patches[:, 0] += 200
    patches[:, 1] = 7
    descriptors = swd.finalize_descriptors(patches)
    first = patches[:, 0].astype(np.float64)
    expected = (first - first.mean()) / first.std()
    np.testing.assert_allclose(descriptors[:, :49], expected.reshape(-1, 49), atol=5e-5)
    np.testing.assert_array_equal(descriptors[:, 49:], 0)


def test_patches_are_drawn_from_all_places():
    level = np.arange(2 * 3 * 9 * 9, dtype=np.float32).reshape(2, 3, 9, 9)
    patches = swd.extract_patches(level, np.random.default_rng(0), per_image=200)
    corners = {
        (n, y, x): level[n, :, y : y + 7, x : x + 7]
        for n in range(2)
        for y in range(3)
        for x in range(3)
    }
    by_value = {window[0, 0, 0]: key for key, window in corners.items()}
    keys = [by_value[patch[0, 0, 0]] for patch in patches]
    for key, patch in zip(keys, patches, strict=True):
        np.testing.assert_array_equal(patch, corners[key])
    assert [key[0] for key in keys] == [0] * 200 + [1] * 200
    counts = np.array([keys.count(key) for key in corners])
    assert counts.min() > 5 and counts.max() < 45  # each expected 400 / 18 = 22 times


def test_sliced_distance_equals_the_official_one(values):
    arrays, numbers = values
    distance = swd.sliced_wasserstein(arrays["sw_A"], arrays["sw_B"], arrays["sw_directions"])
    assert distance == pytest.approx(numbers["sw_given_directions"], abs=1e-6)


def test_sliced_distance_does_not_depend_on_the_buffer(values, monkeypatch):
    arrays, _ = values
    a, b, directions = arrays["sw_A"], arrays["sw_B"], arrays["sw_directions"]
    whole = swd.sliced_wasserstein(a, b, directions)
    monkeypatch.setattr(swd, "_PROJECTED_FLOATS", 1)
    assert swd.sliced_wasserstein(a, b, directions) == pytest.approx(whole, rel=1e-6)


def test_sliced_distance_of_a_shift_is_its_mean_projection():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 10)).astype(np.float32)
    directions = swd.random_directions(rng, 10, 64)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, rtol=1e-6)
    shift = np.full(10, 0.5, np.float32)
    expected = np.abs(shift @ directions).mean()
    assert swd.sliced_wasserstein(a, a + shift, directions) == pytest.approx(expected, rel=1e-5)


def test_sliced_distance_refuses_sets_of_different_sizes():
    with pytest.raises(ValueError, match="disagree"):
        swd.sliced_wasserstein(np.zeros((4, 3)), np.zeros((5, 3)), np.zeros((3, 2)))


def descriptor_set(images, seed, batch):
    n, resolution, _, channels = images.shape
    descriptors = swd.DescriptorSet(n, resolution, channels, seed)
    for start in range(0, n, batch):
        descriptors.add(images[start : start + batch])
    return descriptors.finish()


@pytest.mark.slow
def test_distance_has_the_official_mean(values):
    arrays, numbers = values
    official = numbers["swd"]
    images_a, images_b = nhwc(arrays["images_A"]), nhwc(arrays["images_B"])
    results = []
    for seed in range(120):  # so many that our own standard error hardly counts
        a = descriptor_set(images_a, (seed, 0), 96)
        b = descriptor_set(images_b, (seed, 1), 96)
        results.append(swd.distances(a, b, seed))
    assert list(results[0]) == official["names"]
    results = np.array([list(result.values()) for result in results])
    difference = results.mean(axis=0) - official["mean_over_12_seeds"]
    official_error = np.array(official["std_over_12_seeds"]) / np.sqrt(12)
    assert np.all(np.abs(difference) < 3 * official_error)


@pytest.mark.parametrize("batch", [1, 7, 20])
def test_descriptors_do_not_depend_on_the_batch(batch):
    images = noise(20, 32)
    expected = descriptor_set(images, 5, 10)
    found = descriptor_set(images, 5, batch)
    assert list(found) == [32, 16]
    for resolution, descriptors in found.items():
        np.testing.assert_array_equal(descriptors, expected[resolution])


def test_equal_sets_have_distance_zero_and_equal_seeds_repeat():
    images = noise(8, 32)
    a = descriptor_set(images, 1, 8)
    assert set(swd.distances(a, descriptor_set(images, 1, 8), 0).values()) == {0.0}
    other = descriptor_set(images, 2, 8)
    assert swd.distances(a, other, 0) == swd.distances(a, other, 0)
    assert swd.distances(a, other, 0) != swd.distances(a, other, 1)


def test_missing_images_are_noticed():
    descriptors = swd.DescriptorSet(5, 16, 3, 0)
    descriptors.add(noise(4, 16))
    with pytest.raises(ValueError, match="got 4 images instead of 5"):
        descriptors.finish()

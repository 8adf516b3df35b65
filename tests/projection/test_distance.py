"""Distances of projections against NumPy written from the formulas."""

import numpy as np
import tensorflow as tf

from pgan_tf.projection import distance


def halved(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def doubled(x):
    return x.repeat(2, 1).repeat(2, 2)


def test_the_laplacian_pyramid_adds_up_to_the_image():
    images = np.random.RandomState(0).randn(2, 32, 32, 3).astype(np.float32)
    levels = distance.pixel_pyramid(tf.constant(images))
    assert [level.shape[1] for level in levels] == [32, 16, 8, 4]
    bands = [band.numpy() for band in distance.laplacian_pyramid(levels)]
    whole = bands[-1]
    for band in bands[-2::-1]:
        whole = doubled(whole) + band
        assert np.abs(halved(band)).max() < 1e-6  # a band holds no coarser detail
    np.testing.assert_allclose(whole, images, atol=1e-6)  # float32


def test_distances_follow_the_formula():
    random = np.random.RandomState(1)
    images, target = random.randn(3, 16, 16, 1), np.clip(random.randn(1, 16, 16, 1), -1, 1)
    weights = random.randn(256, 5)
    d = images - target
    d[(d > 0) & (target == 1)] = 0  # whiter than white and blacker than black count as equal
    d[(d < 0) & (target == -1)] = 0
    expected, levels = 0, [d, halved(d), halved(halved(d))]
    for x, coarser in zip(levels, [*levels[1:], None], strict=True):
        band = x if coarser is None else x - doubled(coarser)
        expected += (np.square(x).mean((1, 2, 3)) + np.abs(band).mean((1, 2, 3)) / 8) / 3
    arguments = tf.constant(images, tf.float32), tf.constant(target, tf.float32)
    np.testing.assert_allclose(distance.distances(*arguments), expected, rtol=1e-5)

    wanted = target.reshape(1, -1) @ weights
    apart = np.clip(images, -1, 1).reshape(3, -1) @ weights - wanted
    expected += 0.5 * np.square(apart).sum(1) / np.square(wanted).sum()

    def features(x):
        return tf.reshape(x, [-1, 256]) @ tf.constant(weights, tf.float32)

    found = distance.distances(*arguments, features, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)

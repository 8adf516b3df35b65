"""Latents, and images from them."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf import latents
from pgan_tf.inference import Synthesis, synthesize, to_uint8
from pgan_tf.networks import Generator


@pytest.fixture(scope="module")
def Gs():
    return Generator(16, label_size=2, fmap_base=64, fmap_max=8, seed=1)


def test_images_do_not_depend_on_how_many_are_made(Gs):
    z, y = latents.from_seeds(range(5), 8), latents.one_hot([0, 1, 0, 1, 1], 2)
    few, many = Synthesis(Gs, 0.5, most=2, xla=False), Synthesis(Gs, 0.5, most=16, xla=False)
    expected = synthesize(Gs, z, y, 0.5).numpy()
    assert expected.shape == (5, 16, 16, 3)
    np.testing.assert_allclose(few.floats(z, y), expected, atol=1e-5)
    np.testing.assert_array_equal(few(z, y), to_uint8(few.floats(z, y)))
    np.testing.assert_allclose(many.floats(z, y), expected, atol=1e-5)
    assert few(np.zeros([0, 8])).shape == (0, 16, 16, 3)
    np.testing.assert_array_equal(few(z), to_uint8(few.floats(z, np.zeros([5, 2], np.float32))))


def test_images_are_differentiable_in_the_latents(Gs):
    z = tf.constant(latents.from_seeds([3], 8))
    direction = np.random.RandomState(0).randn(1, 8).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = tf.reduce_sum(synthesize(Gs, z, lod=1.0) ** 2)
    slope = tf.reduce_sum(tape.gradient(value, z) * direction)

    def at(step):
        return tf.reduce_sum(synthesize(Gs, z + step * direction, lod=1.0) ** 2)

    numeric = float(at(1e-3) - at(-1e-3)) / 2e-3  # a step too small to cross many ReLU kinks
    assert float(slope) == pytest.approx(numeric, rel=0.02)


def test_latents_follow_from_seeds():
    z = latents.from_seeds([5, 9, 5], 4)
    np.testing.assert_array_equal(z[0], np.random.RandomState(5).randn(4).astype(np.float32))
    np.testing.assert_array_equal(z[0], z[2])
    assert z.dtype == np.float32 and latents.from_seeds([], 4).shape == (0, 4)


def test_paths_follow_the_formulas():
    a, b = np.array([2.0, 0.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(latents.straight(a, b, 0.25), [1.5, 1.0])
    half = latents.spherical(a, b, 0.5)
    np.testing.assert_allclose(half, [3 / np.sqrt(2)] * 2, rtol=1e-6)
    np.testing.assert_allclose(latents.spherical(a, 3 * a, 0.5), [4.0, 0.0], rtol=1e-6)
    points = latents.from_seeds([1, 2, 3], 6)
    path = latents.through(points, 9)
    assert path.shape == (9, 6)
    np.testing.assert_allclose(path[[0, 3, 6]], points, atol=1e-6)  # then back to the first
    open_path = latents.through(points, 5, arc=False, loop=False)
    np.testing.assert_allclose(open_path[[0, 2, 4]], points, atol=1e-6)
    np.testing.assert_allclose(open_path[1], (points[0] + points[1]) / 2, atol=1e-6)


def test_a_smooth_loop_closes():
    walk = latents.smooth_loop(3, 60, 16, 5.0, seed=7)
    assert walk.shape == (60, 3, 16) and np.square(walk).mean() == pytest.approx(1.0, abs=1e-5)
    steps = np.linalg.norm(np.diff(walk, axis=0, append=walk[:1]), axis=(1, 2))
    assert steps[-1] < 1.5 * steps.mean()  # the last step leads back to the first frame
    noise = latents.smooth_loop(3, 60, 16, 0.0, seed=7)
    assert np.linalg.norm(np.diff(noise, axis=0), axis=(1, 2)).mean() > 4 * steps.mean()
    np.testing.assert_array_equal(walk, latents.smooth_loop(3, 60, 16, 5.0, seed=7))


def test_one_hot_encodes_classes():
    np.testing.assert_array_equal(latents.one_hot([1, 0], 2), [[0, 1], [1, 0]])
    assert latents.one_hot([0, 0], 0).shape == (2, 0)

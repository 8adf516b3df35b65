"""Principal directions against PCA written out, and for a generator with known directions."""

import tracemalloc

import numpy as np
import pytest

from pgan_tf.directions import first_features, principal_coordinates, principal_directions
from pgan_tf.errors import UserError
from pgan_tf.networks import Generator
from pgan_tf.randomness import Role, random_state

SHAPE = {"resolution": 8, "fmap_base": 32, "fmap_max": 8}


def test_directions_follow_the_formula():
    Gs = Generator(seed=3, label_size=2, **SHAPE)
    label = np.array([0.0, 1.0])
    z = random_state(0, Role.DIRECTIONS).randn(500, Gs.latent_size)
    features = first_features(Gs, z, np.tile(label, [500, 1])).astype(np.float64)
    features -= features.mean(axis=0)
    _, _, axes = np.linalg.svd(features, full_matrices=False)
    found = principal_directions(Gs, 3, label, samples=500)
    for direction, axis in zip(found, axes, strict=False):
        coordinates = features @ axis
        fitted, *_ = np.linalg.lstsq(coordinates[:, None], z, rcond=None)
        expected = fitted[0] / np.linalg.norm(fitted)
        expected *= np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(direction, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (20, 20)])
def test_coordinates_equal_those_of_the_svd(shape):
    features = np.random.RandomState(5).randn(*shape) * np.linspace(3, 0.5, shape[1])
    features -= features.mean(axis=0)
    u, _, _ = np.linalg.svd(features, full_matrices=False)
    found = principal_coordinates(features, 4)
    found /= np.linalg.norm(found, axis=0)
    np.testing.assert_allclose(np.abs((found * u[:, :4]).sum(axis=0)), 1, atol=1e-10)


def test_principal_coordinates_take_little_memory():
    for shape in ((30, 20_000), (20_000, 30)):
        features = np.ones(shape)
        features[0] = -1
        features -= features.mean(axis=0)
        tracemalloc.start()
        principal_coordinates(features, 2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * features.nbytes  # the larger product would take 3.2 GB


def test_the_only_effective_latent_is_the_first_direction():
    Gs = Generator(seed=3, **SHAPE)
    weight = Gs.named_variables()["4x4/Dense/weight"]
    only = np.zeros(weight.shape, np.float32)
    only[5] = np.random.RandomState(0).randn(weight.shape[1])
    weight.assign(only)
    (direction,) = principal_directions(Gs, 1)
    np.testing.assert_allclose(direction, np.eye(Gs.latent_size)[5], atol=0.1)  # 2000 samples


def test_there_are_as_many_directions_as_latent_dimensions():
    Gs = Generator(seed=3, **SHAPE)
    directions = principal_directions(Gs, Gs.latent_size)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-6)
    with pytest.raises(UserError, match=r"direction 9: this generator has directions 1 to 8"):
        principal_directions(Gs, 9)

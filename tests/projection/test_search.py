"""Projection finds the latents of images that a small generator made."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf import latents
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.projection import Projector, project
from pgan_tf.snapshots import load_snapshot

QUICK = {"steps": 100, "starts": 4, "candidates": 100, "xla": False}


@pytest.fixture(scope="module")
def Gs(golden_path):
    """The official program's network, at 8x8."""
    found = load_snapshot(golden_path).Gs
    found.lod = 2.0
    return found


@pytest.fixture(scope="module")
def golden_path(request):
    return request.config.rootpath / "tests" / "golden" / "net_rgb32.pkl"


def test_latents_of_generated_images_are_found_again(Gs):
    targets = Synthesis(Gs, xla=False)(latents.from_seeds(range(100, 104), Gs.latent_size))
    projector = Projector(Gs, **QUICK)
    found = [projector(target) for target in targets]
    assert sum(one.psnr >= 28 for one in found) >= 3
    for one, target in zip(found, targets, strict=True):
        squares = np.square(one.image.astype(float) - target).mean()
        np.testing.assert_allclose(one.psnr, 10 * np.log10(255**2 / squares))
        np.testing.assert_array_equal(one.image, projector.synthesis(one.latent)[0])
        np.testing.assert_allclose(np.linalg.norm(one.latent), np.sqrt(Gs.latent_size), rtol=1e-5)
        np.testing.assert_array_equal(one.path[-1:], one.latent)
        assert one.path.shape == (101, Gs.latent_size) and one.distances.shape == (101,)
        assert one.distances[-1] < 0.2 * one.distances[0]


def test_the_same_seed_finds_the_same_latent(Gs):
    target = np.random.RandomState(0).randint(0, 256, (4, 4, 3)).astype(np.uint8)
    options = {"lod": 3.0, "steps": 12, "starts": 2, "candidates": 20}  # compiled by XLA

    first = Projector(Gs, **options)
    found = first(target).latent.tobytes()
    first(255 - target)  # an earlier projection must not matter
    assert first(target).latent.tobytes() == found
    assert project(Gs, target, **options).latent.tobytes() == found
    assert project(Gs, target, seed=1, **{**options, "xla": False}).latent.tobytes() != found


def test_diverged_starts_are_dropped_and_broken_networks_refused():
    G = Generator(resolution=4, num_channels=1, fmap_base=64, fmap_max=8, seed=3)
    target = np.zeros((4, 4, 1), np.uint8)
    projector = Projector(G, **{**QUICK, "steps": 4, "candidates": 4})
    step, calls = projector._step, []

    def first_start_diverges(*arguments):
        *moved, near = step(*arguments)
        calls.append(1)
        return *moved, tf.where(tf.range(4) == 0, np.nan, near)

    projector._step = first_start_diverges
    assert np.isfinite(projector(target).distances).all() and calls
    G.set_weights([w * np.nan for w in G.get_weights()])
    with pytest.raises(UserError, match="take an earlier snapshot"):
        projector(target)


def test_the_class_is_found_or_given():
    G = Generator(resolution=8, num_channels=1, label_size=3, fmap_base=64, fmap_max=8, seed=3)
    z = latents.from_seeds([4, 5, 6], 8)
    targets = Synthesis(G, xla=False)(z, latents.one_hot([0, 1, 2], 3))
    projector = Projector(G, **{**QUICK, "starts": 8})
    for target in targets:
        found = projector(target)
        label = latents.one_hot([found.class_index], 3)
        np.testing.assert_array_equal(found.label, label)
        np.testing.assert_array_equal(found.image, projector.synthesis(found.latent, label)[0])
        assert found.psnr >= 28
        assert abs(np.linalg.norm(found.latent) - np.sqrt(8)) < 2.001
    only = project(G, targets[1], classes=[1], **QUICK)
    assert only.class_index == 1 and only.psnr >= 28


def test_given_features_guide_the_search(Gs):
    target = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)

    def mean_colour(images):
        return tf.reduce_mean(images, axis=[1, 2])

    plain = project(Gs, target, **QUICK)
    guided = project(Gs, target, features=mean_colour, feature_weight=1000.0, **QUICK)

    def off(found):
        return np.abs(found.image.mean((0, 1)) - target.mean((0, 1))).max()

    assert off(guided) < 0.5 * off(plain)


def test_wrong_arguments_are_refused(Gs):
    with pytest.raises(ValueError, match=r"uint8 \(16, 16, 3\): uint8 \[8, 8, 3\] is needed"):
        project(Gs, np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="must be positive"):
        Projector(Gs, steps=0)

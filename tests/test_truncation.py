"""Truncation: the centre, and that images get more alike towards it."""

import numpy as np
import pytest

from pgan_tf import latents
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis, synthesize
from pgan_tf.networks import Generator
from pgan_tf.randomness import Role, random_state
from pgan_tf.truncation import Truncation, affordable_lod, centre, truncate

SHAPE = {"resolution": 64, "label_size": 2, "fmap_base": 64, "fmap_max": 8}


@pytest.fixture(scope="module")
def Gs():
    return Generator(**SHAPE, seed=4)


@pytest.mark.parametrize("lod", [0.0, 1.5])
def test_the_centre_has_the_image_nearest_to_the_mean(Gs, lod):
    label = np.array([0, 1], np.float32)
    Gs.lod = lod
    found = centre(Gs, label, candidates=70)
    z = random_state(0, Role.CENTRE).randn(70, 8).astype(np.float32)
    images = synthesize(Gs, z, np.tile(label, [70, 1]), lod).numpy().astype(np.float64)
    if lod == 0:
        images = (images[:, ::2] + images[:, 1::2]) / 2
        images = (images[:, :, ::2] + images[:, :, 1::2]) / 2
    distances = np.linalg.norm((images - images.mean(axis=0)).reshape(70, -1), axis=1)
    np.testing.assert_array_equal(found, z[distances.argmin()])
    Gs.lod = 0.0


def test_the_centre_repeats_and_differs_between_classes():
    Gs = Generator(**{**SHAPE, "resolution": 16}, seed=4)
    label = [[0, 0], [1, 0], [0, 1]]
    found = [centre(Gs, row, candidates=200) for row in label]
    np.testing.assert_array_equal(found[0], centre(Gs, candidates=200))
    assert not np.array_equal(found[1], found[2])


def test_variety_grows_with_psi(Gs):
    z, y = latents.from_seeds(range(24), 8), latents.one_hot([1] * 24, 2)
    synthesis = Synthesis(Gs, 1.0, xla=False)
    middle, spreads = centre(Gs, y[0], candidates=200), []
    for psi in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        images = synthesis.floats(truncate(z, middle, psi), y).reshape(24, -1)
        spreads.append(np.linalg.norm(images[:, None] - images[None], axis=2).mean())
    assert spreads[0] < 1e-6 * spreads[-1] and (np.diff(spreads) > 0).all()


def test_psi_0_and_1_are_exact():
    z, middle = latents.from_seeds(range(5), 8), latents.from_seeds([77], 8)[0]
    np.testing.assert_array_equal(truncate(z, middle, 1), z)
    np.testing.assert_array_equal(truncate(z, middle, 0), np.tile(middle, [5, 1]))
    each = truncate(z, middle, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(each[4], z[4])
    np.testing.assert_array_equal(each[2], latents.spherical(middle, z[2], 0.5))
    np.testing.assert_array_equal(truncate(z[2], middle, 0.5), each[2])


@pytest.mark.parametrize("psi", [1.2, -0.1, float("nan"), [0.5, 2.0]])
def test_psi_outside_0_to_1_is_refused(Gs, psi):
    with pytest.raises(UserError, match=r"^psi .* is not from 0 \(all images are alike\) to 1"):
        truncate(np.ones([2, 8]), np.ones(8), psi)


def test_each_latent_moves_towards_the_centre_of_its_label(Gs, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "pgan_tf.truncation.centre",
        lambda Gs, label: calls.append(list(label)) or latents.from_seeds([int(label[1])], 8)[0],
    )
    z, y = latents.from_seeds(range(3), 8), latents.one_hot([1, 0, 1], 2)
    seen = Truncation(Gs)(z, y, 0.5)
    middles = latents.from_seeds([1, 0, 1], 8)
    np.testing.assert_array_equal(seen, latents.spherical(middles, z, 0.5))
    assert calls == [[0, 1], [1, 0]]
    assert Truncation(Gs)(z, y) is z and len(calls) == 2  # without psi, no centre is computed


def test_candidates_are_made_at_an_affordable_lod(Gs):
    official = Generator(64, fmap_base=8192, seed=0)
    assert affordable_lod(official, 1024) == 2.0  # 16x16
    assert affordable_lod(Gs, 1024) == 0.0
    with pytest.raises(ValueError, match=r"label \(3,\): \[2\] is needed"):
        centre(Gs, [1, 0, 0])

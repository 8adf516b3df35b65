"""`Sampler` gives the images of the command line as NumPy arrays."""

import numpy as np
import pytest
from PIL import Image
from test_generate import snapshot_in

import pgan_tf
from pgan_tf import latents
from pgan_tf.errors import UserError
from pgan_tf.generate import generate
from pgan_tf.inference import synthesize, to_uint8
from pgan_tf.truncation import centre


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return snapshot_in(
        tmp_path_factory.mktemp("results") / "003-x",
        class_names=("bird", "cat", "dog"),
        empty_classes=(1,),
        label_size=3,
    )


@pytest.fixture(scope="module")
def sampler(path):
    return pgan_tf.Sampler(path, xla=False)


@pytest.mark.parametrize("options", [{}, {"psi": 0.6, "class_name": "dog"}])
def test_seeds_give_the_images_of_generate(options, path, sampler, tmp_path):
    images = sampler.sample([5, 8, 9], **options)
    assert images.dtype == np.uint8 and images.shape == (3, 16, 16, 3)
    for image, file in zip(images, generate(path, tmp_path, [5, 8, 9], **options), strict=True):
        # `generate` uses XLA, so a value between two levels may be rounded to either.
        assert np.abs(np.asarray(Image.open(file)).astype(int) - image).max() <= 1


def test_images_keep_the_shape_of_latents(sampler):
    z = np.random.RandomState(0).randn(2, 3, 16)
    images = sampler.images(z, "bird")
    y = np.tile([1, 0, 0], [6, 1])
    expected = to_uint8(synthesize(sampler.Gs, z.reshape(6, 16), y)).reshape(2, 3, 16, 16, 3)
    assert np.abs(images.astype(int) - expected).max() <= 1 and images.std() > 5
    np.testing.assert_array_equal(sampler.images(z[1, 0], "bird"), images[1, 0])
    by_turns = sampler.images(z[0])  # without class 1, which has no images
    np.testing.assert_array_equal(by_turns[1], sampler.images(z[0, 1], "dog"))
    np.testing.assert_array_equal(by_turns[2], images[0, 2])


def test_truncate_moves_towards_the_class_centre(sampler):
    z = sampler.latents([1, 2])
    middle = centre(sampler.Gs, [0, 0, 1])
    np.testing.assert_array_equal(
        sampler.truncate(z, 0.25, "dog"), latents.spherical(np.stack([middle] * 2), z, 0.25)
    )
    np.testing.assert_array_equal(sampler.truncate(z[0], 0, "dog"), middle)
    np.testing.assert_array_equal(sampler.truncate(z, 1), z)
    with pytest.raises(UserError, match=r"psi 1\.5 is not from 0"):
        sampler.truncate(z, 1.5)


def test_interpolates_between_two_latents(sampler):
    a, b = np.zeros([2, 16])
    a[0] = b[1] = 2
    half = np.zeros(16)
    half[:2] = 1
    arc, line = sampler.interpolate(a, b, 3), sampler.interpolate(a, b, 3, straight=True)
    np.testing.assert_allclose(arc, [a, half * np.sqrt(2), b], atol=1e-6)
    np.testing.assert_allclose(line, [a, half, b], atol=1e-6)


def test_another_lod_gives_smaller_images_and_errors_are_plain(path, sampler):
    coarse = pgan_tf.Sampler(sampler.snapshot, lod=1.0, xla=False)
    assert coarse.sample([0]).shape == (1, 8, 8, 3)
    assert repr(coarse) == f"<Sampler of {path}: 8x8, latents of 16, 3 classes>"
    with pytest.raises(ValueError, match=r"latents \(2, 15\): \[n, 16\] is needed"):
        coarse.images(np.zeros([2, 15]))
    with pytest.raises(UserError, match="--class cow: the network's classes are 0 to 2"):
        coarse.sample([0], class_name="cow")

"""The levels of detail against the formula in float32, as the official tool computes it."""

import numpy as np
import pytest

from pgan_tf.data.format import pyramid


def _float_levels(images):
    x = images.astype(np.float32)
    while x.shape[-1] >= 4:
        yield np.rint(x).clip(0, 255).astype(np.uint8)
        x = (x[..., ::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, ::2] + x[..., 1::2, 1::2]) / 4


@pytest.mark.parametrize("n, resolution", [(200, 4), (200, 16), (50, 64), (1, 1024)])
def test_levels_equal_the_float_formula(n, resolution):
    random = np.random.RandomState(resolution)
    images = random.randint(0, 256, (n, 3, resolution, resolution)).astype(np.uint8)
    found = list(pyramid.levels(images))
    expected = list(_float_levels(images))
    assert len(found) == len(expected) == len(pyramid.resolutions(resolution))
    for level, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(level, want)


def test_halves_are_rounded_to_even():
    # Only three pixel values: every remainder occurs at the next levels, and halves are frequent.
    images = np.random.RandomState(0).randint(0, 3, (500, 1, 16, 16)).astype(np.uint8)
    for level, want in zip(pyramid.levels(images), _float_levels(images), strict=True):
        np.testing.assert_array_equal(level, want)
    block = np.array([[0, 0], [1, 1]], np.uint8)  # mean 0.5
    odd = np.array([[1, 1], [2, 2]], np.uint8)  # mean 1.5
    for values, want in ((block, 0), (odd, 2)):
        image = np.tile(values, (4, 4))[None, None]
        assert (list(pyramid.levels(image))[1] == want).all()


def test_white_images_stay_white_at_every_level():
    for resolution in (128, 2048):
        images = np.full((1, 1, resolution, resolution), 255, np.uint8)
        assert all((level == 255).all() for level in pyramid.levels(images))


def test_resolutions_are_powers_of_two_from_4_on():
    assert [r for r in range(20) if pyramid.is_valid(r)] == [4, 8, 16]
    assert pyramid.resolutions(32) == [32, 16, 8, 4]

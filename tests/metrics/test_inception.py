import numpy as np
import pytest
import tensorflow as tf

from metrics import inception as inception_module


@pytest.fixture(scope="module")
def values(golden):
    arrays = golden("inception.npz")
    return arrays["images"].transpose(0, 2, 3, 1), arrays


def relative_difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_every_feature_equals_the_reference(inception, values):
    images, arrays = values
    features = inception.all_features(images)
    assert set(features) == {"64", "192", "768", "2048"}
    for name, found in features.items():
        expected = arrays[f"feat/{name}"]
        assert relative_difference(found, expected) < 1e-4
        # Each feature by itself too; features near 0 are compared on the scale of the mean.
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.mean())
    logits = inception.logits(features["2048"])
    assert relative_difference(logits, arrays["feat/logits_unbiased"]) < 1e-4
    biased = inception.logits(features["2048"], bias=True)
    assert relative_difference(biased, arrays["feat/logits"]) < 1e-4


def test_convolutions_have_the_names_and_shapes_of_the_weights_file(golden):
    expected = {
        name.removesuffix(".conv.weight"): tuple(shape)
        for name, shape in golden("inception_names.json").items()
        if name.endswith(".conv.weight")
    }
    assert inception_module.convolutions(inception_module.build()) == expected


@pytest.mark.slow
def test_features_do_not_depend_on_the_batch(inception, values, monkeypatch):
    images, _ = values
    together = inception.features(images)
    alone = np.concatenate([inception.features(images[:1]), inception.features(images[1:])])
    np.testing.assert_array_equal(alone, together)
    monkeypatch.setattr(inception_module, "_CHUNK", 4)
    np.testing.assert_allclose(inception.features(images), together, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 1])
def test_differentiable_features_equal_the_others(inception, values, channels):
    images = values[0][:2, :, :, :channels]
    floats = tf.constant(images.astype(np.float32) / 127.5 - 1)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        found = inception.differentiable(floats)
        total = tf.reduce_sum(found)
    assert relative_difference(found.numpy(), inception.features(images)) < 1e-4
    gradient = tape.gradient(total, floats).numpy()
    assert gradient.shape == floats.shape and np.isfinite(gradient).all() and gradient.any()


@pytest.mark.slow
def test_gray_images_are_replicated(inception, values):
    gray = values[0][:2, :, :, :1]
    expected = inception.features(np.repeat(gray, 3, axis=3))
    np.testing.assert_array_equal(inception.features(tf.constant(gray)), expected)


def test_images_are_resized_as_tensorflow_1_did():
    """Output pixel y is read at y * height / 299, limited to the last pixel."""
    ramp = np.arange(64, dtype=np.float32)[None, :, None, None] * np.ones((1, 64, 64, 3))
    found = inception_module.InceptionInput()(ramp).numpy()
    rows = np.minimum(np.arange(299) * 64 / 299, 63)
    np.testing.assert_allclose(found[0, :, 0, 0], (rows - 128) / 128, atol=1e-5)


def test_other_channels_are_refused(inception):
    with pytest.raises(ValueError, match="neither RGB nor gray"):
        inception.features(np.zeros((2, 8, 8, 4), np.uint8))


@pytest.mark.slow
def test_images_of_several_sizes_give_the_same_features(inception, values):
    images, _ = values
    mixed = [images[0], images[1, :20, :40], images[2, ..., :1]]
    together = inception.features(mixed)
    for image, found in zip(mixed, together, strict=True):
        np.testing.assert_array_equal(inception.features(image[None])[0], found)

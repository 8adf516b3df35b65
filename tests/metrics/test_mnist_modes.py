import gzip

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from metrics import mnist_modes
from pgan_tf.errors import UserError


def drawn_digits(n, seed=0):
    """Returns digits in Pillow's font, at random sizes and places: uint8 [n, 28, 28], and [n]."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 10, n)
    digits = np.zeros((n, 28, 28), np.uint8)
    for digit, number in zip(digits, classes, strict=True):
        image = Image.new("L", (28, 28))
        font = ImageFont.load_default(int(rng.integers(18, 24)))
        corner = (int(rng.integers(4, 10)), int(rng.integers(0, 4)))
        ImageDraw.Draw(image).text(corner, str(number), 255, font)
        digit[:] = image
    return digits, classes


def write_mnist(directory, digits, classes):
    directory.mkdir(exist_ok=True)
    n = len(digits)
    for name, magic, dims, data in (
        ("train-images-idx3-ubyte.gz", 2051, (n, 28, 28), digits),
        ("train-labels-idx1-ubyte.gz", 2049, (n,), classes.astype(np.uint8)),
    ):
        header = np.array([magic, *dims], ">u4").tobytes()
        (directory / name).write_bytes(gzip.compress(header + data.tobytes(), 1))


@pytest.fixture(scope="module")
def mnist_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("mnist")
    write_mnist(path, *drawn_digits(1500))
    return path


@pytest.fixture(scope="module")
def classifier(mnist_dir, tmp_path_factory):
    return mnist_modes.load_classifier(mnist_dir, tmp_path_factory.mktemp("cache"), True)


def test_modes_and_divergence_follow_the_formula():
    uniform = np.arange(1000).repeat(3)
    assert mnist_modes.modes_and_divergence(uniform) == (1000, pytest.approx(0, abs=1e-12))
    modes, divergence = mnist_modes.modes_and_divergence(np.array([5, 5, 5, 123]))
    expected = 0.75 * np.log(0.75 * 1000) + 0.25 * np.log(0.25 * 1000)
    assert modes == 2 and divergence == pytest.approx(expected)


def test_group_statistics_follow_the_formula():
    codes = np.concatenate([np.zeros(100, int), np.arange(100)])
    modes, modes_std, divergence, divergence_std = mnist_modes.group_statistics(codes, 2)
    assert (modes, modes_std) == (50.5, 49.5)
    one, many = np.log(1000), np.log(10)
    assert divergence == pytest.approx((one + many) / 2)
    assert divergence_std == pytest.approx((one - many) / 2)
    with pytest.raises(ValueError, match="7 images"):
        mnist_modes.group_statistics(codes[:7], 2)


def test_classifier_has_the_papers_layers():
    convolutions = [
        tuple(layer.kernel.shape)
        for layer in mnist_modes.build_classifier().layers
        if hasattr(layer, "kernel")
    ]
    assert convolutions == [
        (3, 3, 1, 32), (3, 3, 32, 32), (3, 3, 32, 55), (3, 3, 55, 55), (3, 3, 55, 96),
        (3, 3, 96, 96), (2 * 2 * 96, 10),
    ]  # fmt: skip


@pytest.mark.slow
def test_classifier_learns_and_combines_the_channels(classifier):
    assert classifier.accuracy > 0.9
    digits, classes = drawn_digits(300, seed=1)
    digits = np.pad(digits, [(0, 0), (2, 2), (2, 2)])
    images = np.stack([digits[:100], digits[100:200], digits[200:]], axis=-1)
    expected = classes[:100] + 10 * classes[100:200] + 100 * classes[200:]
    found = classifier.codes(images)
    assert np.mean(found == expected) > 0.9
    np.testing.assert_array_equal(classifier.codes(images[3:5]), found[3:5])


@pytest.mark.slow
def test_a_trained_classifier_is_cached(classifier, mnist_dir, tmp_path, monkeypatch):
    load = mnist_modes.load_classifier
    monkeypatch.setattr(mnist_modes, "_EPOCHS", 1)
    trained = load(mnist_dir, tmp_path, True)

    def never(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(mnist_modes, "train_classifier", never)
    kept = load(mnist_dir, tmp_path, True)
    assert kept.accuracy == trained.accuracy and kept.weights_hash == trained.weights_hash
    kept.network.weights[0].assign_add(kept.network.weights[0] * 0 + 1)
    assert mnist_modes.DigitClassifier(kept.network, 1).weights_hash != trained.weights_hash
    kept = load(mnist_dir, tmp_path, True)
    for a, b in zip(kept.network.get_weights(), trained.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_missing_digits_and_wrong_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="train-images-idx3-ubyte"):
        mnist_modes.load_classifier(tmp_path, tmp_path)
    with pytest.raises(ValueError, match="instead of"):
        mnist_modes.DigitClassifier(mnist_modes.build_classifier(), 0).codes(
            np.zeros((2, 28, 28, 3), np.uint8)
        )

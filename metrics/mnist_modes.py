"""Modes recovered out of 1000 by a generator of three-digit MNIST images (section 9.6).

Each channel of an image shows a digit. A classifier reads the three digits, and the image counts
for mode d0 + 10 d1 + 100 d2. The classifier is trained on MNIST's own files.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from metrics import chunks
from metrics.collector import Arrays, Collector, Images, Size, describe_sizes
from metrics.metric import Metric, register
from metrics.tools import Tools
from pgan_tf import progress
from pgan_tf.data.making import mnist
from pgan_tf.errors import UserError
from pgan_tf.snapshots import archive

NUM_MODES = 1000
NUM_GROUPS = 10
IMAGES_PER_GROUP = 25_600
RESOLUTION = 32
_HELD_OUT = 5000  # number of digits held out to measure the classifier's accuracy
_EPOCHS, _BATCH, _RATE = 3, 128, 1e-3
_CHUNK = 256


def modes_and_divergence(codes: np.ndarray) -> tuple[int, float]:
    """Returns (number of modes seen, KL divergence of the codes' distribution from uniform).

    Args:
      codes: the mode of each image, integers [N] in 0..999.
    """
    counts = np.bincount(codes, minlength=NUM_MODES)
    share = counts[counts > 0] / len(codes)
    return len(share), float(np.sum(share * np.log(share * NUM_MODES)))


def group_statistics(codes: np.ndarray, num_groups: int = NUM_GROUPS) -> list[float]:
    """Returns [modes mean, modes std, divergence mean, divergence std] over consecutive groups.

    Args:
      codes: the mode of each image, integers [N] in 0..999; N divisible by num_groups.
    Raises: ValueError when N is not divisible by num_groups.
    """
    if len(codes) % num_groups:
        raise ValueError(f"{len(codes)} images don't make {num_groups} equal groups")
    values = [modes_and_divergence(group) for group in np.split(codes, num_groups)]
    (modes, divergence), (modes_std, divergence_std) = np.mean(values, 0), np.std(values, 0)
    return [float(v) for v in (modes, modes_std, divergence, divergence_std)]


class DigitClassifier:
    """Reads digits: the classifier of section 9.6 with its weights.

    Attributes:
      network: images [N, 32, 32, 1] in [0, 1] -> logits [N, 10].
      accuracy: share of digits it reads right, among digits it was not trained on.
    """

    def __init__(self, network: keras.Model, accuracy: float):
        self.network, self.accuracy = network, accuracy
        self._classify = tf.function(self._digits, autograph=False)

    @functools.cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the weights."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(weight.tobytes())
        return digest.hexdigest()

    def _digits(self, digits: tf.Tensor) -> tf.Tensor:
        logits = self.network(tf.cast(digits, tf.float32) / 255.0, training=False)
        return tf.argmax(logits, axis=1)

    def classify(self, digits: np.ndarray) -> np.ndarray:
        """Returns the classes of digits, uint8 [N, 32, 32, 1]: int64 [N] in 0..9."""
        return np.concatenate(
            [
                self._classify(chunk).numpy()[:count]
                for chunk, count in chunks.padded_chunks(digits, _CHUNK)
            ]
        )

    def codes(self, images: np.ndarray) -> np.ndarray:
        """Returns the modes of images, uint8 [N, 32, 32, 3]: int64 [N] in 0..999."""
        if images.shape[1:] != (RESOLUTION, RESOLUTION, 3):
            raise ValueError(f"images of shape {images.shape[1:]} instead of (32, 32, 3)")
        channels = np.moveaxis(images, 3, 0)[..., None]  # [3, N, 32, 32, 1]
        digits = [self.classify(np.ascontiguousarray(channel)) for channel in channels]
        return digits[0] + 10 * digits[1] + 100 * digits[2]


def build_classifier() -> keras.Model:
    """Returns the untrained network: [N, 32, 32, 1] -> logits [N, 10]."""
    x = inputs = keras.Input((RESOLUTION, RESOLUTION, 1))
    for filters, padding in ((32, "same"), (55, "same"), (96, "valid")):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding=padding)(x)
            x = layers.LeakyReLU(0.1)(x)
        x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)), name="digit_classifier")


def load_classifier(
    mnist_dir: str | os.PathLike, cache: Path, allow_partial: bool = False
) -> DigitClassifier:
    """Returns the classifier of these digits: from the cache, or else trained and cached.

    Args:
      mnist_dir: directory of train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.
      cache: the cache directory.
      allow_partial: accept fewer than 60,000 digits.
    Raises: UserError when a file of MNIST is missing or damaged.
    """
    digits = mnist.read_digits(mnist_dir, allow_partial)
    classes = mnist.read_classes(mnist_dir, len(digits))
    key = hashlib.sha256(digits.tobytes() + classes.tobytes()).hexdigest()
    path = cache / f"digit-classifier-{key[:16]}.npz"
    network = build_classifier()
    try:
        arrays, meta = archive.load_arrays(path, "digit classifier", range(1, 2))
        network.set_weights([arrays[f"weight{i}"] for i in range(len(network.weights))])
        return DigitClassifier(network, float(meta["accuracy"]))
    except (UserError, ValueError, TypeError, KeyError):
        pass  # missing or unreadable: train a new one
    accuracy = train_classifier(network, digits[..., None], classes)
    cache.mkdir(parents=True, exist_ok=True)
    weights = {f"weight{i}": weight for i, weight in enumerate(network.get_weights())}
    meta = {"format": "pgan_tf digit classifier 1", "accuracy": accuracy}
    with archive.saving_arrays(path, weights, meta):
        pass
    return DigitClassifier(network, accuracy)


def train_classifier(network: keras.Model, digits: np.ndarray, classes: np.ndarray) -> float:
    """Trains the network in place and returns its accuracy on held-out digits.

    Args:
      digits: uint8 [N, 32, 32, 1]; the last twelfth, at most 5,000, are held out.
      classes: integers [N].
    """
    for layer in network.layers:  # makes weights independent of networks built before
        if isinstance(layer, layers.Conv2D | layers.Dense):
            layer.kernel.assign(keras.initializers.HeNormal(seed=0)(layer.kernel.shape))
    held_out = min(_HELD_OUT, len(digits) // 12)
    inputs, targets = digits[:-held_out] / np.float32(255), classes[:-held_out]
    steps = _EPOCHS * -(-len(inputs) // _BATCH)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    with progress.bar("steps") as bar:
        task = bar.add_task("Training the digit classifier", total=steps)
        advance = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: bar.advance(task)
        )
        for epoch in range(_EPOCHS):
            order = np.random.RandomState(epoch).permutation(len(inputs))
            network.fit(
                inputs[order], targets[order],
                batch_size=_BATCH, shuffle=False, verbose=0, callbacks=[advance],
            )  # fmt: skip
    predicted = DigitClassifier(network, 0.0).classify(digits[-held_out:])
    return float(np.mean(predicted == classes[-held_out:]))


class Codes(Collector):
    """Computes {"codes": mode of each image, int64 [count]}."""

    name = "codes"
    network = "digits"
    group = NUM_GROUPS
    grouping = f"images are counted in {NUM_GROUPS} equal groups"

    @classmethod
    def check(cls, sizes: Sequence[Size], subject: str = "these") -> None:
        if list(sizes) != [(RESOLUTION, RESOLUTION)]:
            raise UserError(
                f"images must be {RESOLUTION}x{RESOLUTION} and show three digits; {subject} are"
                f" {describe_sizes(sizes)}"
            )

    def __init__(self, count: int, shape: Size | None, tools: Tools, random_stream: int):
        self._classifier = tools.network(self.network)  # may first train it
        self._codes: list[np.ndarray] = []

    def add(self, images: Images) -> None:
        self._codes.append(self._classifier.codes(images))

    def finish(self) -> Arrays:
        return {"codes": np.concatenate(self._codes)}

    @classmethod
    def weights(cls, tools: Tools) -> dict[str, str]:
        return {"classifier_sha256": tools.network(cls.network).weights_hash}


_COLUMNS = ["Modes_mean", "Modes_std", "ModesKL_mean", "ModesKL_std"]


def compute(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns `group_statistics` of the codes."""
    return dict(zip(_COLUMNS, group_statistics(fakes["codes"]), strict=True))


METRIC = register(
    Metric(
        name="modes",
        collector=Codes,
        num_images=NUM_GROUPS * IMAGES_PER_GROUP,
        min_images=NUM_GROUPS,
        needs_reals=False,
        columns=lambda resolution: list(_COLUMNS),
        headline="Modes_mean",
        compute=compute,
        higher_is_better=("Modes_mean", "Modes_std"),
        summary="modes recovered out of 1000 from images of three MNIST digits",
    )
)

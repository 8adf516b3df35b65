"""The Inception network of 2015-12-05, whose features FID, KID and the Inception score use.

This is Inception v3 as it was frozen on that date (section 6.3): input (x - 128) / 128, batch norm
with epsilon 0.001, average pools that don't count padding, a max pool in the pool branch of the
last block, 1008 logits. Batch norm is folded into the convolutions when weights are loaded.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

BATCH_NORM_EPSILON = 0.001
INPUT_SIZE = 299
NUM_FEATURES = 2048
NUM_LOGITS = 1008
_CHUNK = 32  # images that go through the network at a time


class Inception:
    """The network with its weights: images -> features -> logits.

    Args:
      parameters: {name: array} with the names and layouts of the PyTorch weights file, which
        `metrics.inception_weights` reads: `<conv>.conv.weight` [out, in, kh, kw];
        `<conv>.bn.weight`, `.bias`, `.running_mean`, `.running_var` [out]; `fc.weight`
        [1008, 2048], `fc.bias` [1008].
      weights_hash: SHA-256 of the weights file.
    """

    num_features = NUM_FEATURES

    def __init__(self, parameters: Mapping[str, np.ndarray], weights_hash: str = ""):
        self.weights_hash = weights_hash
        self._network = build()
        for name in convolutions(self._network):
            kernel, bias = _folded(parameters, name)
            self._network.get_layer(name).set_weights([kernel, bias])
        self._fc_weight = parameters["fc.weight"]
        self._fc_bias = parameters["fc.bias"]
        self._compiled = tf.function(self._network, autograph=False)
        # Compiled once for images of every size.
        any_size = tf.TensorSpec([None, None, None, 3], tf.uint8)
        self._resized = tf.function(InceptionInput(dtype="float32"), [any_size], autograph=False)

    def all_features(self, images: np.ndarray | tf.Tensor | Sequence[np.ndarray]) -> dict:
        """Returns the features of every layer of `build`: {layer: float32 [N, channels]}.

        Args:
          images: uint8, 0..255, [N, H, W, 3 or 1], or a list of N images [H, W, 3 or 1] of any
            size. Gray is replicated to RGB.
        Raises: ValueError for other shapes.
        """
        parts = []
        for start in range(0, len(images), _CHUNK):
            inputs = self._inputs(images[start : start + _CHUNK])
            missing = _CHUNK - len(inputs)  # padded so that the network always gets the same shape
            inputs = tf.pad(inputs, [[0, missing], [0, 0], [0, 0], [0, 0]])
            features = self._compiled(inputs)
            parts.append({k: v.numpy()[: _CHUNK - missing] for k, v in features.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _inputs(self, images: np.ndarray | tf.Tensor | Sequence[np.ndarray]) -> tf.Tensor:
        """Returns the network's input for images as in `all_features`: float32 [n, 299, 299, 3]."""
        if isinstance(images, list):
            return tf.concat([self._inputs(image[None]) for image in images], axis=0)
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(f"images of shape {images.shape} are neither RGB nor gray")
        if images.shape[3] == 1:
            images = np.repeat(images, 3, axis=3)
        return self._resized(images)

    def features(self, images: np.ndarray | tf.Tensor) -> np.ndarray:
        """Returns the pool_3 features of images as in `all_features`: float32 [N, 2048]."""
        return self.all_features(images)["2048"]

    def differentiable(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the pool_3 features as a tensor that gradients flow through.

        Args:
          images: float32 [N, H, W, 3 or 1], -1 to 1.
        Returns: float32 [N, 2048].
        """
        if images.shape[3] == 1:
            images = tf.repeat(images, 3, axis=3)
        return self._network(InceptionInput(dtype="float32")(images * 127.5 + 127.5))["2048"]

    def logits(self, features: np.ndarray, bias: bool = False) -> np.ndarray:
        """Returns the logits of features [N, 2048]: float32 [N, 1008].

        Args:
          bias: True to add the bias; the Inception score uses logits without it.
        """
        logits = features @ self._fc_weight.T
        return logits + self._fc_bias if bias else logits


def convolutions(network: keras.Model) -> dict[str, tuple[int, int, int, int]]:
    """Returns {name: (out, in, kernel height, kernel width)} of the network's convolutions."""
    return {
        layer.name: tuple(layer.kernel.shape[i] for i in (3, 2, 0, 1))
        for layer in network.layers
        if isinstance(layer, layers.Conv2D)
    }


def _folded(parameters: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the kernel [kh, kw, in, out] and bias [out] of a convolution with its batch norm."""
    conv, scale, shift, mean, variance = (
        np.asarray(parameters[f"{name}.{part}"], np.float64)
        for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    )
    scale = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
    return conv.transpose(2, 3, 1, 0) * scale, shift - mean * scale


@keras.saving.register_keras_serializable("pgan_tf")
class InceptionInput(layers.Layer):
    """Resizes images to 299x299 as TensorFlow 1 did and scales them: (x - 128) / 128.

    Bilinear interpolation at source coordinates y * height / 299, without half-pixel centres.

    Input: [N, H, W, 3], 0..255, any number type. Output: float32 [N, 299, 299, 3].
    """

    def call(self, images):
        size = (INPUT_SIZE, INPUT_SIZE)
        images = tf.cast(images, tf.float32)
        # tf.image.resize has half-pixel centres.
        return (tf.compat.v1.image.resize(images, size) - 128.0) / 128.0

    def compute_output_shape(self, input_shape):
        return (input_shape[0], INPUT_SIZE, INPUT_SIZE, input_shape[3])


def build() -> keras.Model:
    """Returns the untrained network, its convolutions named as in the PyTorch weights file.

    Input: float32 [N, 299, 299, 3], the output of `InceptionInput`.
    Output: {layer: spatial mean of its features, float32 [N, channels]}. The layers are `64` and
      `192`, after the two max pools, `768`, before Mixed_7a, and `2048`, which is pool_3.
    """
    inputs = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="images")
    x = _conv(inputs, "Conv2d_1a_3x3", 32, 3, stride=2)
    x = _conv(x, "Conv2d_2a_3x3", 32, 3)
    x = _conv(x, "Conv2d_2b_3x3", 64, 3, same=True)
    x = features_64 = layers.MaxPooling2D(3, 2)(x)
    x = _conv(x, "Conv2d_3b_1x1", 80, 1)
    x = _conv(x, "Conv2d_4a_3x3", 192, 3)
    x = features_192 = layers.MaxPooling2D(3, 2)(x)
    x = _mixed_35(x, "Mixed_5b", pool_features=32)
    x = _mixed_35(x, "Mixed_5c", pool_features=64)
    x = _mixed_35(x, "Mixed_5d", pool_features=64)
    x = _reduce_35_to_17(x, "Mixed_6a")
    x = _mixed_17(x, "Mixed_6b", inner=128)
    x = _mixed_17(x, "Mixed_6c", inner=160)
    x = _mixed_17(x, "Mixed_6d", inner=160)
    x = features_768 = _mixed_17(x, "Mixed_6e", inner=192)
    x = _reduce_17_to_8(x, "Mixed_7a")
    x = _mixed_8(x, "Mixed_7b", max_pool=False)
    x = features_2048 = _mixed_8(x, "Mixed_7c", max_pool=True)
    features = {"64": features_64, "192": features_192, "768": features_768, "2048": features_2048}
    means = {name: layers.GlobalAveragePooling2D()(x) for name, x in features.items()}
    return keras.Model(inputs, means, name="inception_2015_12_05")


def _conv(x, name, filters, kernel, stride=1, same=False):
    padding = "same" if same else "valid"
    return layers.Conv2D(filters, kernel, stride, padding, activation="relu", name=name)(x)


def _average_pool_conv(x, name, filters):
    """Returns ReLU of a 1x1 convolution of the 3x3 average pool.

    Both are linear, so the convolution comes first here: fewer operations.
    """
    conv = layers.Conv2D(filters, 1, use_bias=True, name=name)
    # The pool leaves the bias unchanged, because it doesn't count padding.
    return ops.relu(layers.AveragePooling2D(3, 1, "same")(conv(x)))


def _mixed_35(x, name, pool_features):
    a = _conv(x, f"{name}.branch1x1", 64, 1)
    b = _conv(x, f"{name}.branch5x5_1", 48, 1)
    b = _conv(b, f"{name}.branch5x5_2", 64, 5, same=True)
    c = _conv(x, f"{name}.branch3x3dbl_1", 64, 1)
    c = _conv(c, f"{name}.branch3x3dbl_2", 96, 3, same=True)
    c = _conv(c, f"{name}.branch3x3dbl_3", 96, 3, same=True)
    d = _average_pool_conv(x, f"{name}.branch_pool", pool_features)
    return layers.Concatenate()([a, b, c, d])


def _reduce_35_to_17(x, name):
    a = _conv(x, f"{name}.branch3x3", 384, 3, stride=2)
    b = _conv(x, f"{name}.branch3x3dbl_1", 64, 1)
    b = _conv(b, f"{name}.branch3x3dbl_2", 96, 3, same=True)
    b = _conv(b, f"{name}.branch3x3dbl_3", 96, 3, stride=2)
    return layers.Concatenate()([a, b, layers.MaxPooling2D(3, 2)(x)])


def _mixed_17(x, name, inner):
    a = _conv(x, f"{name}.branch1x1", 192, 1)
    b = _conv(x, f"{name}.branch7x7_1", inner, 1)
    b = _conv(b, f"{name}.branch7x7_2", inner, (1, 7), same=True)
    b = _conv(b, f"{name}.branch7x7_3", 192, (7, 1), same=True)
    c = _conv(x, f"{name}.branch7x7dbl_1", inner, 1)
    c = _conv(c, f"{name}.branch7x7dbl_2", inner, (7, 1), same=True)
    c = _conv(c, f"{name}.branch7x7dbl_3", inner, (1, 7), same=True)
    c = _conv(c, f"{name}.branch7x7dbl_4", inner, (7, 1), same=True)
    c = _conv(c, f"{name}.branch7x7dbl_5", 192, (1, 7), same=True)
    d = _average_pool_conv(x, f"{name}.branch_pool", 192)
    return layers.Concatenate()([a, b, c, d])


def _reduce_17_to_8(x, name):
    a = _conv(x, f"{name}.branch3x3_1", 192, 1)
    a = _conv(a, f"{name}.branch3x3_2", 320, 3, stride=2)
    b = _conv(x, f"{name}.branch7x7x3_1", 192, 1)
    b = _conv(b, f"{name}.branch7x7x3_2", 192, (1, 7), same=True)
    b = _conv(b, f"{name}.branch7x7x3_3", 192, (7, 1), same=True)
    b = _conv(b, f"{name}.branch7x7x3_4", 192, 3, stride=2)
    return layers.Concatenate()([a, b, layers.MaxPooling2D(3, 2)(x)])


def _mixed_8(x, name, max_pool):
    a = _conv(x, f"{name}.branch1x1", 320, 1)
    b = _conv(x, f"{name}.branch3x3_1", 384, 1)
    b1 = _conv(b, f"{name}.branch3x3_2a", 384, (1, 3), same=True)
    b2 = _conv(b, f"{name}.branch3x3_2b", 384, (3, 1), same=True)
    c = _conv(x, f"{name}.branch3x3dbl_1", 448, 1)
    c = _conv(c, f"{name}.branch3x3dbl_2", 384, 3, same=True)
    c1 = _conv(c, f"{name}.branch3x3dbl_3a", 384, (1, 3), same=True)
    c2 = _conv(c, f"{name}.branch3x3dbl_3b", 384, (3, 1), same=True)
    if max_pool:
        d = _conv(layers.MaxPooling2D(3, 1, "same")(x), f"{name}.branch_pool", 192, 1)
    else:
        d = _average_pool_conv(x, f"{name}.branch_pool", 192)
    return layers.Concatenate()([a, b1, b2, c1, c2, d])

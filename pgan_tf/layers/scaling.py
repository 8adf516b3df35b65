"""Upscaling and downscaling by two, of images and of feature maps (paper, section 2)."""

import keras
import tensorflow as tf


def upscale2d(x: tf.Tensor) -> tf.Tensor:
    """Doubles the size by nearest neighbour: [N, h, w, C] -> [N, 2h, 2w, C], same dtype."""
    n, h, w, c = x.shape
    x = tf.broadcast_to(x[:, :, None, :, None, :], [tf.shape(x)[0], h, 2, w, 2, c])
    return tf.ensure_shape(tf.reshape(x, [-1, 2 * h, 2 * w, c]), [n, 2 * h, 2 * w, c])


def downscale2d(x: tf.Tensor) -> tf.Tensor:
    """Halves the size by means of 2x2 pixels: [N, h, w, C] -> [N, h/2, w/2, C], same dtype.

    Raises: ValueError when h or w is odd.
    """
    _, h, w, _ = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"{h}x{w} can't be halved")
    return 0.25 * sum2x2(x, stride=2)


def sum2x2(x: tf.Tensor, stride: int) -> tf.Tensor:
    """Sums each 2x2 window: [N, h, w, C] -> [N, (h-2)/stride+1, (w-2)/stride+1, C].

    Consists of slices and additions: XLA fuses them with neighbouring operations, and their first
    and second derivatives need no pooling kernel.
    """
    h, w = x.shape[1:3]
    rows = x[:, 0 : h - 1 : stride] + x[:, 1:h:stride]
    return rows[:, :, 0 : w - 1 : stride] + rows[:, :, 1:w:stride]


@keras.saving.register_keras_serializable(package="pgan_tf")
class Upscale2D(keras.layers.Layer):
    """`upscale2d` as a layer: [N, h, w, C] -> [N, 2h, 2w, C]."""

    def call(self, x):
        return upscale2d(x)

    def compute_output_shape(self, input_shape):
        n, h, w, c = input_shape
        return (n, 2 * h, 2 * w, c)


@keras.saving.register_keras_serializable(package="pgan_tf")
class Downscale2D(keras.layers.Layer):
    """`downscale2d` as a layer: [N, h, w, C] -> [N, h/2, w/2, C].

    Raises: ValueError when h or w is odd.
    """

    def call(self, x):
        return downscale2d(x)

    def compute_output_shape(self, input_shape):
        n, h, w, c = input_shape
        return (n, h // 2, w // 2, c)

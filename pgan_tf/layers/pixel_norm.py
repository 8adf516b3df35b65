"""Pixelwise feature vector normalization."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class PixelNorm(keras.layers.Layer):
    """Scales each pixel's feature vector to unit mean square (paper, section 4.2).

    y = x / sqrt(mean_c(x^2) + epsilon), over the last axis, in float32.

    Args:
      epsilon: added to the mean square; 1e-8, or 1e-4 under float16.
    Input, output: [..., channels]; same shape and dtype.
    Raises: ValueError for an epsilon that is not positive.
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs):
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"epsilon={epsilon}: a positive number is needed")
        self.epsilon = epsilon

    def call(self, x):
        y = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
        y *= tf.math.rsqrt(tf.reduce_mean(y * y, axis=-1, keepdims=True) + self.epsilon)
        return tf.cast(y, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}

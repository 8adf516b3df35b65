"""Leaky rectifier."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class LeakyReLU(keras.layers.Layer):
    """Leaky rectifier, y = max(x, slope * x) (section 1).

    Args:
      slope: factor of negative inputs, 0 (a plain ReLU) to 1.
    Input, output: any shape; same shape and dtype.
    Raises: ValueError for a slope out of range.
    """

    def __init__(self, slope: float = 0.2, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= slope <= 1:
            raise ValueError(f"slope={slope}: a number from 0 to 1 is needed")
        self.slope = slope

    def call(self, x):
        return tf.nn.leaky_relu(x, self.slope) if self.slope else tf.nn.relu(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "slope": self.slope}

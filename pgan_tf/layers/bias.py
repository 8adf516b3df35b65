"""Bias layer."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class Bias(keras.layers.Layer):
    """Adds a bias over the last axis: y = x + bias (section 1).

    The bias starts at 0 and is not scaled.

    Input, output: [..., channels]; same shape and dtype.
    """

    def weight_shapes(self, input_shape: tuple) -> dict[str, tuple[int, ...]]:
        """Returns variable name -> shape, for inputs of this shape."""
        return {"bias": (input_shape[-1],)}

    def build(self, input_shape):
        self.bias = self.add_weight(
            name="bias", shape=self.weight_shapes(input_shape)["bias"], initializer="zeros"
        )

    def call(self, x):
        return x + tf.convert_to_tensor(self.bias)

    def compute_output_shape(self, input_shape):
        return input_shape

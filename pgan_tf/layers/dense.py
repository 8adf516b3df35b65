"""Fully connected layer with equalized learning rate."""

import keras
import tensorflow as tf

from pgan_tf.layers.weighted import WeightedLayer


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedDense(WeightedLayer):
    """Fully connected layer with equalized learning rate (paper, section 4.1).

    y = x @ (weight * c), c = gain / sqrt(inputs).

    Input: [N, inputs]. Output: [N, units].
    Raises: ValueError for an input without two axes.
    """

    def weight_shapes(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"{self.name}: an input [N, features] is needed, not {input_shape}")
        return {"weight": (input_shape[-1], self.units)}

    def op(self, x, weight):
        return tf.matmul(x, weight)

    def operations(self, input_shape: tuple) -> int:
        """Returns the number of products for one sample."""
        return input_shape[-1] * self.units

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

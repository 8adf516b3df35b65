"""Fully connected layer with equalized learning rate."""

import keras
import tensorflow as tf

from pgan_tf.layers.base import EqualizedLayer


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedDense(EqualizedLayer):
    """y = act(x @ (weight * c) + bias), c = gain / sqrt(inputs) (section 4.1).

    Args:
      positions: with p > 1 the output is `units` feature maps of p pixels, the weight's
        columns being ordered channel * p + pixel as in the official files, and all pixels of
        a map share its bias.
    Input: [N, inputs]. Output: [N, units], or [N, positions, units].
    Raises: ValueError when the input has another rank.
    """

    def __init__(self, units: int, positions: int = 1, **kwargs):
        super().__init__(units, **kwargs)
        if positions < 1:
            raise ValueError(f"positions={positions}: a positive number is needed")
        self.positions = positions

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"{self.name}: an input [N, features] is needed, not {input_shape}")
        self.add_weights((input_shape[-1], self.units * self.positions))

    def call(self, x):
        x = tf.matmul(x, self.operand())  # [N, units * positions]
        if self.positions > 1:
            x = tf.reshape(x, [-1, self.units, self.positions])
            x = tf.transpose(x, [0, 2, 1])  # [N, positions, units]
        return self.finish(x)

    def compute_output_shape(self, input_shape):
        positions = (self.positions,) if self.positions > 1 else ()
        return (input_shape[0], *positions, self.units)

    def get_config(self):
        return {**super().get_config(), "positions": self.positions}

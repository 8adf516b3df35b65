"""Convolution with equalized learning rate."""

import keras
import tensorflow as tf

from pgan_tf.layers import winograd
from pgan_tf.layers.base import EqualizedLayer


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedConv2D(EqualizedLayer):
    """y = act(conv(x, weight * c) + bias), c = gain / sqrt(k * k * channels) (section 4.1).

    Stride 1, zero padding, odd square kernel.

    Args:
      kernel_size: k, odd.
    Input: [N, h, w, channels]. Output: [N, h, w, units].
    Raises: ValueError for an even kernel or an input of another rank.
    """

    def __init__(self, units: int, kernel_size: int = 3, **kwargs):
        super().__init__(units, **kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size}: an odd number is needed")
        self.kernel_size = kernel_size

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"{self.name}: an input [N, h, w, C] is needed, not {input_shape}")
        self.add_weights((self.kernel_size, self.kernel_size, input_shape[-1], self.units))

    def convolve(self, x: tf.Tensor) -> tf.Tensor:
        """Returns conv(x, operand), which `finish` scales and activates."""
        weight = self.operand()
        if self.kernel_size == 3 and winograd.pays(x, self.units):
            return winograd.winograd_conv(x, weight)
        return tf.nn.conv2d(x, weight, strides=1, padding="SAME")

    def call(self, x):
        return self.finish(self.convolve(x))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}

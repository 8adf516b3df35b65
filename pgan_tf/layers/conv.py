"""Convolution with equalized learning rate."""

import keras
import tensorflow as tf

from pgan_tf.layers import winograd
from pgan_tf.layers.weighted import WeightedLayer


@keras.saving.register_keras_serializable(package="pgan_tf")
class EqualizedConv2D(WeightedLayer):
    """Convolution with equalized learning rate (paper, section 4.1).

    y = conv(x, weight * c), c = gain / sqrt(k * k * channels).
    Stride 1, zero padding, odd square kernel.

    Args:
      kernel_size: k, odd.
    Input: [N, h, w, channels]. Output: [N, h, w, units].
    Raises: ValueError for an even kernel size, or an input without four axes.
    """

    def __init__(self, units: int, kernel_size: int = 3, **kwargs):
        super().__init__(units, **kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size}: an odd number is needed")
        self.kernel_size = kernel_size

    def weight_shapes(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"{self.name}: an input [N, h, w, C] is needed, not {input_shape}")
        return {"weight": (self.kernel_size, self.kernel_size, input_shape[-1], self.units)}

    def op(self, x, weight):
        if self.kernel_size == 3 and winograd.is_faster(x, self.units):
            return winograd.winograd_conv(x, weight)
        return tf.nn.conv2d(x, weight, strides=1, padding="SAME")

    def operations(self, input_shape: tuple) -> int:
        """Returns the number of products for one sample; padding counts as pixels."""
        _, h, w, channels = input_shape
        return h * w * self.kernel_size**2 * channels * self.units

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}


class ScalingConv2D(EqualizedConv2D):
    """Base of the 3x3 convolutions that also scale by two.

    Raises: ValueError for a kernel size other than 3.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(units, **kwargs)
        if self.kernel_size != 3:
            raise ValueError(f"kernel_size={self.kernel_size}: 3 is needed")

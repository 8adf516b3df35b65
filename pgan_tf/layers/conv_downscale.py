"""Convolution followed by downscaling."""

import keras
import tensorflow as tf

from pgan_tf.layers.conv import EqualizedConv2D
from pgan_tf.layers.scaling import downscale2d, sum2x2


@keras.saving.register_keras_serializable(package="pgan_tf")
class ConvDownscale2D(EqualizedConv2D):
    """Convolution and box downscaling by two, in one of two orders (spec section 1).

    fused:   y = act(downscale(conv3x3(x, weight * c)) + bias)
    unfused: y = downscale(act(conv3x3(x, weight * c) + bias))

    The two are different functions: TensorFlow presets use the fused one, the paper and the
    Theano version the unfused. In the fused form the box filter commutes with the
    convolution: the input is filtered first, and the convolution is evaluated only where it
    is kept: 9 products per *output* pixel, against 16 of the official 4x4 kernel and 36 of
    convolving, then pooling.

    Args:
      fused: which of the two.
    Input: [N, h, w, channels]. Output: [N, h/2, w/2, units].
    Raises: ValueError for another kernel size than 3, or an odd height or width.
    """

    def __init__(self, units: int, fused: bool = True, **kwargs):
        super().__init__(units, **kwargs)
        if self.kernel_size != 3:
            raise ValueError(f"kernel_size={self.kernel_size}: 3 is needed")
        self.fused = fused

    def convolve(self, x):
        if not self.fused:
            return super().convolve(x)
        h, w = x.shape[1:3]
        if h % 2 or w % 2:
            raise ValueError(f"{self.name}: {h}x{w} can't be halved")
        kernel = self.operand()
        # b[j] is the box at x[j-1], x[j]: output i takes b[2i], b[2i+1] and b[2i+2].
        b = 0.25 * sum2x2(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), stride=1)
        middle, outer = slice(1, None, 2), slice(0, None, 2)

        def part(rows, cols):
            # Every second row and column, so that all convolutions have stride 1.
            return tf.nn.conv2d(b[:, rows, cols], kernel[rows, cols], strides=1, padding="VALID")

        return part(middle, middle) + part(middle, outer) + part(outer, middle) + part(outer, outer)

    def call(self, x):
        x = self.finish(self.convolve(x))
        return x if self.fused else downscale2d(x)

    def compute_output_shape(self, input_shape):
        n, h, w, _ = input_shape
        return (n, h // 2, w // 2, self.units)

    def get_config(self):
        return {**super().get_config(), "fused": self.fused}

"""Convolution and downscaling in one."""

import keras
import tensorflow as tf

from pgan_tf.layers.conv import ScalingConv2D
from pgan_tf.layers.scaling import sum2x2


@keras.saving.register_keras_serializable(package="pgan_tf")
class DownscaleConv2D(ScalingConv2D):
    """y = downscale(conv3x3(x, weight * c)), the official *fused* form (section 1).

    The box filter commutes with the convolution. So the input is filtered first, and the
    convolution is computed only for the pixels that remain. That takes 9 products per *output*
    pixel; the official 4x4 kernel takes 16, and convolving before pooling takes 36.

    Bias and activation follow after the downscaling. The paper and the Theano version downscale
    after bias and activation, which is a different function: `EqualizedConv2D`, `Bias`,
    `LeakyReLU`, then `Downscale2D`.

    Input: [N, h, w, channels]. Output: [N, h/2, w/2, units].
    Raises: ValueError for a kernel size other than 3, or an odd height or width.
    """

    def op(self, x, weight):
        h, w = x.shape[1:3]
        if h % 2 or w % 2:
            raise ValueError(f"{self.name}: {h}x{w} can't be halved")
        # b[j] is the mean of x[j-1] and x[j]; output i is computed from b[2i], b[2i+1], b[2i+2].
        b = 0.25 * sum2x2(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), stride=1)
        middle, outer = slice(1, None, 2), slice(0, None, 2)

        def part(rows, cols):
            # Every second row and column, so that all convolutions have stride 1.
            return tf.nn.conv2d(b[:, rows, cols], weight[rows, cols], strides=1, padding="VALID")

        return part(middle, middle) + part(middle, outer) + part(outer, middle) + part(outer, outer)

    def operations(self, input_shape):
        """Returns the number of products for one sample, counted for the official 4x4 kernel."""
        _, h, w, channels = input_shape
        return (h // 2) * (w // 2) * 16 * channels * self.units

    def compute_output_shape(self, input_shape):
        n, h, w, _ = input_shape
        return (n, h // 2, w // 2, self.units)

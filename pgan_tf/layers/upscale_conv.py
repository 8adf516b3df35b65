"""Upscaling and convolution in one."""

import keras
import numpy as np
import tensorflow as tf

from pgan_tf.layers.conv import ScalingConv2D


@keras.saving.register_keras_serializable(package="pgan_tf")
class UpscaleConv2D(ScalingConv2D):
    """y = conv3x3(upscale(x), weight * c), nearest neighbour (paper, section 2; section 1).

    Nearest-neighbour upscaling is zero insertion followed by a 2x2 box sum, and the sum
    commutes with the convolution. So the convolution runs on the zero-inserted input, where
    only 9 products per *input* pixel are not zero; the plain form needs 36 and the official
    "fused" 4x4 kernel 16. The four parities of the output's rows and columns are four small
    convolutions at the input's resolution.

    Args:
      transposed: True if official files hold the weight of a transposed convolution,
        [kh, kw, out, in] with rows and columns reversed. The function computed is the same.
    Input: [N, h, w, channels]. Output: [N, 2h, 2w, units].
    Raises: ValueError for a kernel size other than 3.
    """

    def __init__(self, units: int, transposed: bool = True, **kwargs):
        super().__init__(units, **kwargs)
        self.transposed = transposed

    def op(self, x, weight):
        n, h, w, _ = x.shape
        # Kernel taps that meet a pixel of the zero-inserted input: the middle one on even rows,
        # the outer two on odd rows. There are h + 1 odd rows, with the one above the image.
        middle, outer = slice(1, 2), slice(0, 3, 2)

        def part(rows, cols):
            pad = [[0, 0], [int(rows is outer)] * 2, [int(cols is outer)] * 2, [0, 0]]
            return tf.nn.conv2d(tf.pad(x, pad), weight[rows, cols], strides=1, padding="VALID")

        ee, eo = part(middle, middle), part(middle, outer)  # [N, h, w], [N, h, w+1]
        oe, oo = part(outer, middle), part(outer, outer)  # [N, h+1, w], [N, h+1, w+1]
        # The 2x2 box sum, for each parity of the output.
        y00 = ee + eo[:, :, :w] + oe[:, :h] + oo[:, :h, :w]
        y01 = ee + eo[:, :, 1:] + oe[:, :h] + oo[:, :h, 1:]
        y10 = ee + eo[:, :, :w] + oe[:, 1:] + oo[:, 1:, :w]
        y11 = ee + eo[:, :, 1:] + oe[:, 1:] + oo[:, 1:, 1:]
        y = tf.stack([tf.stack([y00, y01], axis=3), tf.stack([y10, y11], axis=3)], axis=2)
        return tf.ensure_shape(
            tf.reshape(y, [-1, 2 * h, 2 * w, self.units]), [n, 2 * h, 2 * w, self.units]
        )

    def relayout(self, name, array):
        if name == "weight" and self.transposed and array.ndim == 4:
            return np.ascontiguousarray(array[::-1, ::-1].transpose(0, 1, 3, 2))
        return array

    def operations(self, input_shape):
        """Returns the number of products for one sample, counted for the official 4x4 kernel."""
        _, h, w, channels = input_shape
        return h * w * 16 * channels * self.units

    def compute_output_shape(self, input_shape):
        n, h, w, _ = input_shape
        return (n, 2 * h, 2 * w, self.units)

    def get_config(self):
        return {**super().get_config(), "transposed": self.transposed}

"""The paper's layers, one a file."""

from pgan_tf.layers.conv import EqualizedConv2D
from pgan_tf.layers.conv_downscale import ConvDownscale2D
from pgan_tf.layers.dense import EqualizedDense
from pgan_tf.layers.minibatch_stddev import MinibatchStddev
from pgan_tf.layers.pixel_norm import PixelNorm
from pgan_tf.layers.scaling import downscale2d, upscale2d
from pgan_tf.layers.upscale_conv import UpscaleConv2D

__all__ = [
    "ConvDownscale2D",
    "EqualizedConv2D",
    "EqualizedDense",
    "MinibatchStddev",
    "PixelNorm",
    "UpscaleConv2D",
    "downscale2d",
    "upscale2d",
]

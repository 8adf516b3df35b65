"""The paper's layers, and `Block`, which calls layers in order."""

from pgan_tf.layers.bias import Bias
from pgan_tf.layers.block import Block
from pgan_tf.layers.conv import EqualizedConv2D
from pgan_tf.layers.dense import EqualizedDense
from pgan_tf.layers.downscale_conv import DownscaleConv2D
from pgan_tf.layers.layout import ChannelMajorToMaps, MapsToChannelMajor
from pgan_tf.layers.leaky_relu import LeakyReLU
from pgan_tf.layers.minibatch_stddev import MinibatchStddev
from pgan_tf.layers.pixel_norm import PixelNorm
from pgan_tf.layers.scaling import Downscale2D, Upscale2D, downscale2d, upscale2d
from pgan_tf.layers.upscale_conv import UpscaleConv2D

__all__ = [
    "Bias",
    "Block",
    "ChannelMajorToMaps",
    "Downscale2D",
    "DownscaleConv2D",
    "EqualizedConv2D",
    "EqualizedDense",
    "LeakyReLU",
    "MapsToChannelMajor",
    "MinibatchStddev",
    "PixelNorm",
    "Upscale2D",
    "UpscaleConv2D",
    "downscale2d",
    "upscale2d",
]

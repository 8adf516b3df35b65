"""Replaces our layers by Keras's own, so that a file opens without this program.

A layer without a function here is used as it is. Its class must then be imported where the file is
opened.
"""

from collections.abc import Callable

import keras
import numpy as np

from pgan_tf import layers
from pgan_tf.export.forward import downscaling_kernel, scaled_weight, upscaling_kernel

Part = tuple[keras.layers.Layer, list[np.ndarray]]
"""(layer, its weights)."""
Replacement = Callable[[keras.layers.Layer, np.ndarray | None, str], list[Part]]
"""(layer, bias to add or None, dtype policy) -> layers that do the same, in order."""

REPLACEMENTS: dict[type, Replacement] = {}


def replaces(kind: type) -> Callable[[Replacement], Replacement]:
    """Returns a decorator that registers the function to replace layers of this kind."""

    def register(function: Replacement) -> Replacement:
        REPLACEMENTS[kind] = function
        return function

    return register


def plain_layers(layer: keras.layers.Layer, bias: np.ndarray | None, dtype: str) -> list[Part]:
    """Returns layers that together do the same as a layer and the bias after it.

    Args:
      dtype: dtype policy of the returned layers.
    """
    if type(layer) in REPLACEMENTS:
        return REPLACEMENTS[type(layer)](layer, bias, dtype)
    config = {**layer.get_config(), "dtype": dtype}
    config.pop("name")
    parts = [(type(layer).from_config(config), layer.get_weights())]
    return parts if bias is None else [*parts, (layers.Bias(dtype=dtype), [bias])]


def _weighted(kind, kernel, bias, **options) -> list[Part]:
    layer = kind(use_bias=bias is not None, **options)
    return [(layer, [kernel] if bias is None else [kernel, bias])]


@replaces(layers.EqualizedConv2D)
def _conv(layer, bias, dtype):
    return _weighted(
        keras.layers.Conv2D, scaled_weight(layer), bias, filters=layer.units,
        kernel_size=layer.kernel_size, padding="same", dtype=dtype,
    )  # fmt: skip


@replaces(layers.UpscaleConv2D)
def _upscale_conv(layer, bias, dtype):
    return _weighted(
        keras.layers.Conv2DTranspose, upscaling_kernel(layer), bias, filters=layer.units,
        kernel_size=4, strides=2, padding="same", dtype=dtype,
    )  # fmt: skip


@replaces(layers.DownscaleConv2D)
def _downscale_conv(layer, bias, dtype):
    return _weighted(
        keras.layers.Conv2D, downscaling_kernel(layer), bias, filters=layer.units,
        kernel_size=4, strides=2, padding="same", dtype=dtype,
    )  # fmt: skip


@replaces(layers.EqualizedDense)
def _dense(layer, bias, dtype):
    return _weighted(keras.layers.Dense, scaled_weight(layer), bias, units=layer.units, dtype=dtype)


@replaces(layers.LeakyReLU)
def _leaky_relu(layer, bias, dtype):
    if not layer.slope:
        return [(keras.layers.ReLU(dtype=dtype), [])]
    return [(keras.layers.LeakyReLU(negative_slope=layer.slope, dtype=dtype), [])]


@replaces(layers.PixelNorm)
def _pixel_norm(layer, bias, dtype):
    return [(keras.layers.RMSNormalization(epsilon=layer.epsilon, dtype=dtype), [])]


@replaces(layers.ChannelMajorToMaps)
def _to_maps(layer, bias, dtype):
    maps = keras.layers.Reshape((-1, layer.size, layer.size), dtype=dtype)
    return [(maps, []), (keras.layers.Permute((2, 3, 1), dtype=dtype), [])]


@replaces(layers.MapsToChannelMajor)
def _to_vector(layer, bias, dtype):
    permute = keras.layers.Permute((3, 1, 2), dtype=dtype)
    return [(permute, []), (keras.layers.Flatten(dtype=dtype), [])]


@replaces(layers.Upscale2D)
def _upscale(layer, bias, dtype):
    return [(keras.layers.UpSampling2D(2, dtype=dtype), [])]


@replaces(layers.Downscale2D)
def _downscale(layer, bias, dtype):
    return [(keras.layers.AveragePooling2D(2, dtype=dtype), [])]

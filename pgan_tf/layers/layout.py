"""Conversion between feature maps and dense layers' flat vectors, in the official order."""

import math

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class ChannelMajorToMaps(keras.layers.Layer):
    """Reshapes vectors to maps: [N, C * size * size] -> [N, size, size, C] (section 1).

    Element c * size^2 + y * size + x becomes pixel (y, x) of channel c.

    Args:
      size: height and width of the maps.
    Raises: ValueError for a size below 1, or an input of another shape.
    """

    def __init__(self, size: int = 4, **kwargs):
        super().__init__(**kwargs)
        if size < 1:
            raise ValueError(f"size={size}: a positive number is needed")
        self.size = size

    def call(self, x):
        maps = self.compute_output_shape(x.shape)[-1]
        x = tf.reshape(x, [-1, maps, self.size, self.size])
        return tf.transpose(x, [0, 2, 3, 1])

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2 or input_shape[1] % self.size**2:
            raise ValueError(
                f"{self.name}: an input [N, C * {self.size**2}] is needed, not {input_shape}"
            )
        return (input_shape[0], self.size, self.size, input_shape[1] // self.size**2)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="pgan_tf")
class MapsToChannelMajor(keras.layers.Layer):
    """Flattens maps: [N, h, w, C] -> [N, C * h * w] (section 1).

    Pixel (y, x) of channel c becomes element c * h * w + y * w + x.

    Raises: ValueError for an input without four axes.
    """

    def call(self, x):
        return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, math.prod(x.shape[1:])])

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"{self.name}: an input [N, h, w, C] is needed, not {input_shape}")
        return (input_shape[0], math.prod(input_shape[1:]))

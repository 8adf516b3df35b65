"""Layers in order."""

import inspect
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class Block(keras.layers.Layer):
    """y = layer_n(... layer_1(x)): a convolution or dense layer and all that follows it.

    Weights, bias, normalisation and activation are layers of equal rank, our own or Keras's; their
    order is that of the list. `training` is passed to those that take it. Layers that look at
    several samples at a time see each of `sets` minibatches on its own: those that take `sets`
    are told, and those with running statistics are called once for each.

    Args:
      layers: at least one; variables of the block have names of their own.
    Raises: ValueError for no layer, or, when built, for variables of one name.
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not layers:
            raise ValueError(f"{self.name}: one layer or more is needed")
        self.layers = list(layers)
        self._takes = [set(inspect.signature(layer.call).parameters) for layer in self.layers]

    def build(self, input_shape):
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        names = [name for name, _, _ in self.named_variables()]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: variables of one name among {', '.join(names)}")

    def call(self, x, training=False, sets=1):
        for layer, takes in zip(self.layers, self._takes, strict=True):
            options = {"training": training} if "training" in takes else {}
            if "sets" in takes:
                x = layer(x, sets=sets, **options)
            elif sets > 1 and layer.non_trainable_variables:
                x = tf.concat([layer(part, **options) for part in tf.split(x, sets)], axis=0)
            else:
                x = layer(x, **options)
        return x

    def named_variables(self) -> Iterator[tuple[str, keras.Variable, keras.layers.Layer]]:
        """Yields (name, variable, its layer), layer after layer."""
        for layer in self.layers:
            for variable in layer.variables:
                if "seed_generator" not in variable.path:
                    yield variable.name, variable, layer

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers}

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})

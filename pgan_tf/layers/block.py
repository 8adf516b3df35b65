"""Block: layers that are called in order."""

import inspect
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class Block(keras.layers.Layer):
    """Calls layers in order: y = layer_n(... layer_1(x)).

    A block holds a convolution or dense layer and its bias, normalisation and activation, each a
    layer of its own, ours or Keras's. `training` is passed to the layers whose `call` accepts it.

    The batch may hold several minibatches, `sets` of them. Statistics over samples are computed
    for each minibatch separately: layers that accept `sets` are given it, and layers with running
    statistics are called once per minibatch.

    Args:
      layers: at least one; their variables must have different names.
    Raises: ValueError without a layer, or, when built, for two variables of the same name.
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not layers:
            raise ValueError(f"{self.name}: at least one layer is needed")
        self.layers = list(layers)
        self._accepted = [set(inspect.signature(layer.call).parameters) for layer in self.layers]

    def build(self, input_shape):
        for layer in self.layers:
            if not layer.built:
                layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        names = [name for name, _, _ in self.named_variables()]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: variables share a name: {', '.join(names)}")

    def call(self, x, training=False, sets=1):
        for layer, accepted in zip(self.layers, self._accepted, strict=True):
            options = {"training": training} if "training" in accepted else {}
            if "sets" in accepted:
                x = layer(x, sets=sets, **options)
            elif sets > 1 and layer.non_trainable_variables:
                x = tf.concat([layer(part, **options) for part in tf.split(x, sets)], axis=0)
            else:
                x = layer(x, **options)
        return x

    def named_variables(self) -> Iterator[tuple[str, keras.Variable, keras.layers.Layer]]:
        """Yields (name, variable, its layer), in the layers' order, without seed generators."""
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

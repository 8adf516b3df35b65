"""Networks as models of Keras's own layers, and as `.keras` files."""

from pathlib import Path

import keras
from keras import ops

from pgan_tf import layers
from pgan_tf.export.forward import layers_with_biases, run_discriminator, run_generator
from pgan_tf.export.keras_layers import plain_layers
from pgan_tf.export.request import Request
from pgan_tf.layers import Block


class KerasBackend:
    """Makes a forward pass of Keras's layers.

    Args:
      dtype: the layers' dtype policy; "float16" for weights and activations in half precision.
    """

    def __init__(self, dtype: str):
        self._dtype = dtype

    def block(self, name: str, block: Block, x: keras.KerasTensor) -> keras.KerasTensor:
        """Applies a block's layers in order."""
        for layer, bias in layers_with_biases(block):
            own_dtype = layer.dtype_policy.name  # float32 for the normalisation of latents
            first = name == "latents"
            x = self._call(layer, bias, own_dtype if first else self._dtype, x)
        return x

    def upscale(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """[N, h, w, C] -> [N, 2h, 2w, C]."""
        return self._call(layers.Upscale2D(), None, self._dtype, x)

    def downscale(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """[N, h, w, C] -> [N, h/2, w/2, C]."""
        return self._call(layers.Downscale2D(), None, self._dtype, x)

    def lerp(self, a: keras.KerasTensor, b: keras.KerasTensor, t: float) -> keras.KerasTensor:
        """a + (b - a) * t."""
        return a + (b - a) * t

    def _call(self, layer, bias, dtype, x):
        for part, weights in plain_layers(layer, bias, dtype):
            x = part(x)
            if weights:
                part.set_weights(weights)
        return x


def make_model(request: Request, float16: bool = False) -> keras.Model:
    """Returns a network as a functional model, with dictionaries of inputs and outputs by name.

    All layers are Keras's own, except a discriminator's minibatch stddev and layers without a
    function in `keras_layers`.

    Args:
      float16: use half precision for weights and activations.
    """
    uint8_in = request.uint8 and not request.is_generator
    inputs = {
        name: keras.Input(shape, name=name, dtype="uint8" if uint8_in else "float32")
        for name, shape in request.inputs.items()
    }
    make = _generator if request.is_generator else _discriminator
    outputs = make(request, inputs, KerasBackend("float16" if float16 else "float32"))
    return keras.Model(inputs, outputs, name=request.network.name)


def write(request: Request, path: Path) -> None:
    """Writes a `.keras` file, which `keras.saving.load_model` reads."""
    make_model(request, request.float16).save(path)


def _generator(request: Request, inputs: dict, backend: KerasBackend) -> dict:
    x = inputs["latents"]
    if request.has_labels:
        x = keras.layers.Concatenate()([x, inputs["labels"]])
    x = run_generator(request.network, request.lod, x, backend)
    x = ops.cast(x, "float32")
    if request.uint8:  # the cast rounds down, since all numbers are positive
        x = ops.cast(ops.clip(x * 127.5 + 128.0, 0.0, 255.0), "uint8")
    if request.layout == "NCHW":
        x = ops.transpose(x, [0, 3, 1, 2])
    return {"images": x}


def _discriminator(request: Request, inputs: dict, backend: KerasBackend) -> dict:
    x = inputs["images"]
    if request.uint8:
        x = ops.cast(x, "float32") / 127.5 - 1.0
    if request.layout == "NCHW":
        x = ops.transpose(x, [0, 2, 3, 1])
    x = run_discriminator(request.network, request.lod, x, backend)
    x = ops.cast(x, "float32")
    scores = {"scores": x[:, 0]}
    return {**scores, "logits": x[:, 1:]} if request.has_labels else scores

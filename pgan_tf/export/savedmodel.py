"""Networks as TensorFlow SavedModels."""

from pathlib import Path

import tensorflow as tf

from pgan_tf.export.keras_format import make_model
from pgan_tf.export.request import Request


def write(request: Request, path: Path) -> None:
    """Writes a directory; its `serving_default` takes and returns named tensors, any batch size.

    Uses TensorFlow's own function, since Keras's export writes each weight twice.
    """
    model = make_model(request, request.float16)
    signature = [
        tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name)
        for name, tensor in model.input.items()
    ]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*tensors):
        return model(dict(zip(model.input, tensors, strict=True)), training=False)

    module = tf.Module(name=request.network.name)
    module.weights = [variable.value for variable in model.variables]
    module.serve = serve
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})

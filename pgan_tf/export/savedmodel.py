"""Networks as TensorFlow SavedModels."""

from pathlib import Path

import keras
import tensorflow as tf

from pgan_tf.export.keras_format import make_model
from pgan_tf.export.request import Request


def write(request: Request, path: Path) -> None:
    """Writes a directory whose `serving_default` takes and gives tensors by name, any batch."""
    model = make_model(request, request.float16)
    signature = [
        tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name)
        for name, tensor in model.input.items()
    ]

    def serve(*tensors):
        return model(dict(zip(model.input, tensors, strict=True)), training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, signature)
    archive.write_out(path, verbose=False)

"""Networks as LiteRT files (`.tflite`)."""

from pathlib import Path

import tensorflow as tf

from pgan_tf.export.keras_format import make_model
from pgan_tf.export.request import Request


def write(request: Request, path: Path) -> None:
    """Writes a LiteRT file of built-in operators.

    With float16, weights are in half precision; runtimes without half precision use float32.
    """
    options = {}
    if request.float16:
        options = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "target_spec": {"supported_types": [tf.float16]},
        }
    make_model(request).export(path, format="litert", verbose=False, **options)

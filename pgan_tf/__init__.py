"""Progressive Growing of GANs (Karras et al., ICLR 2018) on TensorFlow 2 and Keras 3."""

import importlib
from typing import Any

__version__ = "0.1.0"


_LAZY = {"load_snapshot": "pgan_tf.snapshots", "Sampler": "pgan_tf.sampler"}
"""Public name -> its module, imported on first use: command lines then answer --help without
loading TensorFlow."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'pgan_tf' has no attribute {name!r}")

"""Progressive Growing of GANs (Karras et al., ICLR 2018) on TensorFlow 2 and Keras 3."""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # On first use, so that command lines answer --help without loading TensorFlow.
    if name == "load_snapshot":
        from pgan_tf.snapshots import load_snapshot

        return load_snapshot
    raise AttributeError(f"module 'pgan_tf' has no attribute {name!r}")

"""OpenMoji: drawn emoji, rendered from a pinned package; nothing to download."""

from pgan_tf.config import Preset

PRESETS = ()

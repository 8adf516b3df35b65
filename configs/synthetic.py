"""Black images of any size, for benchmarks and dry runs without a data set."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "syn1024rgb",
        "data",
        """Black 1024x1024 RGB images in memory: speed and memory, nothing to learn.""",
        {"data.synthetic": "1024x3"},
    ),
)

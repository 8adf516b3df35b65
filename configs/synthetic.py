"""Black images of any size, for benchmarks and dry runs without a data set."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "syn1024rgb",
        "data",
        """Black 1024x1024 RGB images in memory, to measure speed and memory.""",
        {"data.synthetic": "1024x3"},
    ),
)

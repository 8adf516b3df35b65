"""SVHN: 73,257 house numbers at 32x32, not mirrored (spec section 3)."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "svhn",
        """SVHN. Not trained here.""",
        {
            "name": "svhn",
            "data.path": "datasets/svhn",
            "data.resolution": 32,
            "data.command": "python dataset_tool.py create_svhn",
        },
    ),
)

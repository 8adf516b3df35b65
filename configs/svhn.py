"""SVHN: 73,257 house numbers at 32x32, not mirrored (section 3)."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "svhn",
        "data",
        """SVHN, 73,257 photographs of house numbers at 32x32. Not trained here.""",
        {
            "data.path": "datasets/svhn",
            "data.resolution": 32,
            "data.command": "python dataset_tool.py create_svhn",
        },
    ),
)

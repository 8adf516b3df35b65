"""CelebA and CelebA-HQ: aligned faces, mirrored (section 3)."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "celebahq",
        "data",
        """CelebA-HQ, 30,000 faces at 1024x1024, mirrored; the paper's main result.

        Official figures, not measured here: 2 weeks on one V100, 1 week on two, 3 days on four,
        2 days on eight; SWD x10^3 5.44 on average, FID-50k 7.30.
        """,
        {
            "data.path": "datasets/celebahq",
            "data.resolution": 1024,
            "data.command": "python dataset_tool.py create_celebahq",
            "data.mirror": True,
        },
    ),
    Preset(
        "celeba",
        "data",
        """CelebA, 202,599 faces at 128x128, mirrored. Not trained here.""",
        {
            "data.path": "datasets/celeba",
            "data.resolution": 128,
            "data.command": "python dataset_tool.py create_celeba",
            "data.mirror": True,
        },
    ),
)

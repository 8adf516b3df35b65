"""CelebA and CelebA-HQ: aligned faces, mirrored (spec section 3)."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "celebahq",
        """CelebA-HQ, 30,000 faces at 1024x1024: the paper's main result.

        Official figures, not measured here: 2 weeks / 1 week / 3 days / 2 days on 1 / 2 / 4 / 8
        V100; SWD x10^3 5.44 on average, FID-50k 7.30.
        """,
        {
            "name": "celebahq",
            "data.path": "datasets/celebahq",
            "data.resolution": 1024,
            "data.command": "python dataset_tool.py create_celebahq",
            "data.mirror": True,
        },
    ),
    Preset(
        "celeba",
        """CelebA, 202,599 faces at 128x128. Not trained here.""",
        {
            "name": "celeba",
            "data.path": "datasets/celeba",
            "data.resolution": 128,
            "data.command": "python dataset_tool.py create_celeba",
            "data.mirror": True,
        },
    ),
)

"""MNIST as gray digits, and three digits stacked as RGB; 32x32, not mirrored (section 3)."""

from pgan_tf.config import Preset

PRESETS = tuple(
    Preset(
        name,
        "data",
        f"""{title}. Not trained here.""",
        {
            "data.path": f"datasets/{name}",
            "data.resolution": 32,
            "data.command": f"python dataset_tool.py create_{name}",
        },
    )
    for name, title in (
        ("mnist", "MNIST, 60,000 gray digits"),
        (
            "mnistrgb",
            "RGB-MNIST, a million stacks of three digits, for the paper's count of modes",
        ),
    )
)

"""CIFAR-10 and CIFAR-100: 50,000 images at 32x32, not mirrored (spec section 3)."""

from pgan_tf.config import Preset

PRESETS = tuple(
    Preset(
        name,
        f"""{title}, without labels; `--set data.labels=true` conditions on the classes.

        The paper's CIFAR-10 inception score of 8.80 +- 0.05 came from other settings. Not
        trained here.
        """,
        {
            "name": name,
            "data.path": f"datasets/{name}",
            "data.resolution": 32,
            "data.command": f"python dataset_tool.py create_{name}",
        },
    )
    for name, title in (("cifar10", "CIFAR10"), ("cifar100", "CIFAR100"))
)

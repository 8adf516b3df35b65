"""CIFAR-10 and CIFAR-100: 50,000 images at 32x32, not mirrored (section 3)."""

from pgan_tf.config import Preset

PRESETS = tuple(
    Preset(
        name,
        "data",
        f"""{title}, without labels; `--set data.labels=true` conditions on the classes. {result}
        Not trained here.
        """,
        {
            "data.path": f"datasets/{name}",
            "data.resolution": 32,
            "data.command": f"python dataset_tool.py create_{name}",
        },
    )
    for name, title, result in (
        (
            "cifar10",
            "CIFAR-10, 50,000 photographs of ten kinds at 32x32",
            "The paper's inception score of 8.80 +- 0.05 came from other settings.",
        ),
        (
            "cifar100",
            "CIFAR-100, 50,000 photographs of a hundred kinds at 32x32",
            "No official result.",
        ),
    )
)

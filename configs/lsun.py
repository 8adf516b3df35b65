"""LSUN: thirty categories at 256x256, 100,000 images each, mirrored (section 3)."""

from pgan_tf.config import Preset

CATEGORIES = (
    "airplane", "bedroom", "bicycle", "bird", "boat", "bottle", "bridge", "bus", "car", "cat",
    "chair", "churchoutdoor", "classroom", "conferenceroom", "cow", "diningroom", "diningtable",
    "dog", "horse", "kitchen", "livingroom", "motorbike", "person", "pottedplant", "restaurant",
    "sheep", "sofa", "tower", "train", "tvmonitor",
)  # fmt: skip

# The databases of the ten scenes have these names; those of the objects are named like the object.
_DATABASES = {
    scene.replace("_", ""): f"{scene}_train_lmdb"
    for scene in (
        "bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room",
        "kitchen", "living_room", "restaurant", "tower",
    )
}  # fmt: skip

PRESETS = tuple(
    Preset(
        f"lsun-{category}",
        "data",
        """A category of LSUN: 100,000 photographs at 256x256, mirrored.

        Official FID, not measured here: bedroom 8.34, cat 37.52, church 6.42.
        """,
        {
            "data.path": f"datasets/lsun-{category}-100k",
            "data.resolution": 256,
            "data.command": f"python dataset_tool.py create_lsun datasets/lsun-{category}-100k"
            f" datasets/raw/lsun/{_DATABASES.get(category, category)} --max_images 100000",
            "data.mirror": True,
        },
    )
    for category in CATEGORIES
)

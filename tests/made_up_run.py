"""A run's directory written by hand: small numbers, pictures of one colour, no networks."""

import json

from PIL import Image

from pgan_tf import config as config_module
from pgan_tf.config import Config

OPTIONS = {
    "data.resolution": 8,
    "data.path": "nowhere",
    "schedule.lod_training_kimg": 1,
    "schedule.lod_transition_kimg": 1,
    "train.total_kimg": 4,
}
"""4x4 until 1 kimg, 8x8 fading in until 2 kimg, then 8x8."""


def write_run(path, ticks=8, pictures=True, options=None, classes=("cat", "dog")):
    """Writes a run with ticks of 500 images at 100 images a second; returns its path."""
    path.mkdir(parents=True)
    config = config_module.override(Config(), {**OPTIONS, **(options or {})})
    (path / "config.json").write_text(config_module.to_json(config))
    facts = {
        "path": config.data.path, "num_images": 60, "resolution": 8, "num_channels": 3,
        "label_size": len(classes), "content_hash": "0", "class_names": list(classes),
    }  # fmt: skip
    (path / "dataset.json").write_text(json.dumps(facts))
    for number in range(1, ticks + 1):
        add_tick(path, number)
    if pictures:
        Image.new("RGB", (64, 32), (0, 0, 255)).save(path / "reals.png")
        for number in range(ticks + 1):
            add_picture(path, number)
    return path


def add_tick(path, number):
    """Appends a tick's line: D_loss falls by 1 a tick, and the time grows by 5 s."""
    nimg = 500 * number
    line = {
        "tick": number, "nimg": nimg, "kimg": nimg / 1000, "minibatch": 16, "time": 5.0 * number,
        "lod": min(max(2 - nimg / 1000, 0), 1), "resolution": 4 if nimg <= 1000 else 8,
        "images_per_sec": 100.0, "D_loss": 10.0 - number, "G_loss": None, "G_lrate": 0.001,
        "D_skipped": 0,
    }  # fmt: skip
    with open(path / "stats.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def add_picture(path, number):
    """Writes the picture of a tick; its red value is ten times the tick's number."""
    kimg, rest = divmod(500 * number, 1000)
    name = f"fakes{kimg:06d}" + (f"-{rest:03d}" if rest else "") + ".png"
    Image.new("RGB", (64, 32), (10 * number, 0, 0)).save(path / name)


def add_measurement(path, metric, kimg, num_images=100, **values):
    """Appends a line to a metric's file."""
    line = {"metric": metric, "values": values, "num_images": num_images, "kimg": kimg}
    with open(path / f"metric-{metric}.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")

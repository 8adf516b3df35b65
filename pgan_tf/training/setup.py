"""From options to the parts of a training: data set, devices, networks."""

import re

import keras
import tensorflow as tf

from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.official_names import from_official, to_official

DTYPES = {
    "fp32": "float32", "tf32": "float32", "fp16": "mixed_float16", "bf16": "mixed_bfloat16",
}  # fmt: skip


def open_dataset(config: Config) -> Dataset | SyntheticDataset:
    """Opens and checks the data set.

    Raises: UserError naming what is missing or damaged, and the command that makes it.
    """
    data = config.data
    if data.synthetic:
        match = re.fullmatch(r"(\d+)x([13])", data.synthetic)
        if not match:
            raise UserError(f"data.synthetic={data.synthetic}: write 1024x3 for 1024x1024 RGB")
        dataset = SyntheticDataset(int(match[1]), int(match[2]), label_size=10 * data.labels)
    else:
        if not data.path:
            raise UserError("no data set: give --data-dir DIR or a --config that names one")
        if not tf.io.gfile.isdir(data.path):
            raise UserError(
                f"data set {data.path} is missing; make it with: {data.command}"
                " (or name another with --data-dir)"
            )
        dataset = Dataset(data.path, verify=data.verify)
    if data.labels and dataset.labels is None:
        raise UserError(f"data.labels=true, but {data.path} has no labels file")
    if config.train.image_layout == "row_per_class" and dataset.labels is None:
        raise UserError(f"train.image_layout=row_per_class, but {data.path} has no labels file")
    if data.resolution > dataset.resolution:
        size = dataset.resolution
        raise UserError(
            f"{data.path or dataset.name} has images up to {size}x{size}, and data.resolution is"
            f" {data.resolution}; --set data.resolution={size} trains at theirs, or make the data"
            " set anew with larger ones"
        )
    dataset.require(data.resolution or dataset.resolution)
    return dataset


def build_networks(
    config: Config, resolution: int, num_channels: int, label_size: int
) -> tuple[Generator, Discriminator, Generator]:
    """Returns G, D and Gs, which starts as a copy of G; call it under the strategy's scope.

    Raises: UserError for options that make no network.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError("Keras runs on another backend; set KERAS_BACKEND=tensorflow")
    shape = {
        "resolution": resolution,
        "num_channels": num_channels,
        "label_size": label_size,
        "dtype": DTYPES[config.train.precision],
    }
    try:
        G, Gs = (
            Generator(**shape, **vars(config.G), seed=config.train.seed, name=name)
            for name in ("G", "Gs")
        )
        D = Discriminator(**shape, **vars(config.D), seed=config.train.seed, name="D")
    except ValueError as error:
        raise UserError(f"these options make no network: {error}") from None
    from_official(Gs, to_official(G))
    return G, D, Gs

"""From options to the parts of a training: data set, devices, networks."""

import keras

from pgan_tf.config import Config
from pgan_tf.data import opening
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.official_names import from_official, to_official

DTYPES = {
    "fp32": "float32", "tf32": "float32", "fp16": "mixed_float16", "bf16": "mixed_bfloat16",
}  # fmt: skip


def open_dataset(config: Config) -> Dataset | SyntheticDataset:
    """Opens and checks the data set; see `opening.open_dataset`."""
    dataset = opening.open_dataset(config.data)
    if config.train.image_layout == "row_per_class" and dataset.labels is None:
        raise UserError(
            f"train.image_layout=row_per_class, but {config.data.path} has no labels file"
        )
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

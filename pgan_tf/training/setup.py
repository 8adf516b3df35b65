"""Builds the networks that the options describe."""

import keras

from pgan_tf.config import Config
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator, from_official, to_official

DTYPES = {
    "fp32": "float32", "tf32": "float32", "fp16": "mixed_float16", "bf16": "mixed_bfloat16",
}  # fmt: skip
"""Precision -> Keras dtype policy."""


def build_networks(
    config: Config, resolution: int, num_channels: int, label_size: int
) -> tuple[Generator, Discriminator, Generator]:
    """Returns G, D and Gs, which starts as a copy of G; call it under the strategy's scope.

    Gs is always in float32, whatever the precision of the training.

    Raises: UserError for options that make no network.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError("Keras runs on another backend; set KERAS_BACKEND=tensorflow")
    shape = {
        "resolution": resolution,
        "num_channels": num_channels,
        "label_size": label_size,
        "networks": config.networks,
        "seed": config.train.seed,
    }
    dtype = DTYPES[config.train.precision]
    try:
        G = Generator(**shape, **vars(config.G), name="G", dtype=dtype)
        Gs = Generator(**shape, **vars(config.G), name="Gs", dtype="float32")
        D = Discriminator(**shape, **vars(config.D), name="D", dtype=dtype)
    except ValueError as error:
        raise UserError(f"these options make no network: {error}") from None
    from_official(Gs, to_official(G))
    return G, D, Gs

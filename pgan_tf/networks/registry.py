"""Networks by name."""

from collections.abc import Callable
from dataclasses import dataclass

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions
from pgan_tf.errors import nearest
from pgan_tf.networks.table import Shape, Table


@dataclass(frozen=True)
class Architecture:
    """A pair of networks: how the tables of G and D follow from shapes and options.

    Attributes:
      name: what `networks=` is given; a snapshot names it.
      generator, discriminator: (shape, options) -> table.
    """

    name: str
    generator: Callable[[Shape, GeneratorOptions], Table]
    discriminator: Callable[[Shape, DiscriminatorOptions], Table]


ARCHITECTURES: dict[str, Architecture] = {}


def register(architecture: Architecture) -> Architecture:
    """Makes a pair of networks known by its name; a later one of the same name replaces it."""
    ARCHITECTURES[architecture.name] = architecture
    return architecture


def architecture(name: str) -> Architecture:
    """Returns the pair of networks of this name.

    Raises: ValueError naming the nearest.
    """
    if name not in ARCHITECTURES:
        raise ValueError(
            f"networks={name!r}: there are {', '.join(ARCHITECTURES)}{nearest(name, ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]

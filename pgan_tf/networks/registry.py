"""Pairs of networks, registered by name."""

from collections.abc import Callable
from dataclasses import dataclass

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions
from pgan_tf.errors import nearest
from pgan_tf.networks.table import Shape, Table


@dataclass(frozen=True)
class Architecture:
    """A pair of networks: functions that make the tables of G and D from shapes and options.

    Attributes:
      name: value of the option `networks`; snapshots hold it.
      generator, discriminator: (shape, options) -> table.
    """

    name: str
    generator: Callable[[Shape, GeneratorOptions], Table]
    discriminator: Callable[[Shape, DiscriminatorOptions], Table]


ARCHITECTURES: dict[str, Architecture] = {}


def register(architecture: Architecture) -> Architecture:
    """Registers a pair of networks by its name; a later one of the same name replaces it."""
    ARCHITECTURES[architecture.name] = architecture
    return architecture


def architecture(name: str) -> Architecture:
    """Returns the pair of networks of this name.

    Raises: ValueError for an unknown name; it suggests the nearest.
    """
    if name not in ARCHITECTURES:
        hint = nearest(name, ARCHITECTURES)
        raise ValueError(f"networks={name!r}: choose from {', '.join(ARCHITECTURES)}{hint}")
    return ARCHITECTURES[name]

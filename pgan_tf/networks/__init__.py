"""The growing networks: tables of stages, and the two models that run them (section 1).

Every module of this package is imported, so a new file that registers a pair of networks is all
that they need to be known by name.
"""

import importlib
import pkgutil

from pgan_tf.networks.growing import Discriminator, Generator, GrowingNetwork, Lod, lerp
from pgan_tf.networks.official import from_official, to_official
from pgan_tf.networks.paper import PAPER
from pgan_tf.networks.registry import ARCHITECTURES, Architecture, architecture, register

__all__ = [
    "ARCHITECTURES",
    "PAPER",
    "Architecture",
    "Discriminator",
    "Generator",
    "GrowingNetwork",
    "Lod",
    "architecture",
    "from_official",
    "lerp",
    "register",
    "to_official",
]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

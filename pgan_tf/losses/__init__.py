"""Losses by name, one per file, with a common protocol (section 2).

Every module of this package is imported, so a new file that registers a loss is all that it needs
to be known by name.
"""

import importlib
import pkgutil

from pgan_tf.losses.labels import cross_entropy
from pgan_tf.losses.norms import safe_norm
from pgan_tf.losses.protocol import (
    LOSSES,
    DiscriminatorInputs,
    GeneratorInputs,
    Loss,
    Terms,
    make_loss,
    register,
)
from pgan_tf.losses.wgan_gp import WganGp

__all__ = [
    "LOSSES",
    "DiscriminatorInputs",
    "GeneratorInputs",
    "Loss",
    "Terms",
    "WganGp",
    "cross_entropy",
    "make_loss",
    "register",
    "safe_norm",
]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

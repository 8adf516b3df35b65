"""Losses by name, one per file, with a common protocol (section 2)."""

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

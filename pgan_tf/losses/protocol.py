"""What every loss offers to the training step, and losses by name (section 2)."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

from pgan_tf.config import LossOptions
from pgan_tf.errors import UserError, nearest
from pgan_tf.networks import Discriminator, Generator, Lod

Terms = dict[str, tf.Tensor]
"""Name -> float32 [N]; `loss` is what is minimised, the mean over the samples."""


class DiscriminatorInputs(NamedTuple):
    """What D's loss is computed from, in one replica; N samples.

    Attributes:
      reals: [N, r, r, C] float32 in [-1, 1], r = R / 2^floor(lod), faded as the lod says.
      labels: [N, label_size] of the reals; None, or label_size 0, without labels.
      latents: [N, latent_size], for the fakes.
      mixing: [N] in [0, 1), where between a real and a fake a penalty looks.
    """

    reals: tf.Tensor
    labels: tf.Tensor | None
    latents: tf.Tensor
    mixing: tf.Tensor


class GeneratorInputs(NamedTuple):
    """What G's loss is computed from: latents [N, latent_size], labels [N, label_size] or None."""

    latents: tf.Tensor
    labels: tf.Tensor | None


class Loss(Protocol):
    """A loss; made from `LossOptions`.

    Attributes:
      reported_D, reported_G: names of terms whose means are reported beside the losses.
    """

    reported_D: tuple[str, ...]
    reported_G: tuple[str, ...]

    def discriminator(
        self,
        G: Generator,
        D: Discriminator,
        inputs: DiscriminatorInputs,
        lod: Lod,
        loss_scale: float | tf.Tensor = 1.0,
    ) -> Terms:
        """Returns D's loss and its terms.

        Args:
          loss_scale: what an inner gradient is scaled by while it is computed, for float16.
        """
        ...

    def generator(self, G: Generator, D: Discriminator, inputs: GeneratorInputs, lod: Lod) -> Terms:
        """Returns G's loss and its terms."""
        ...


LOSSES: dict[str, Callable[[LossOptions], Loss]] = {}


def register(name: str) -> Callable:
    """Returns a decorator that makes a loss known by this name."""

    def add(kind: Callable[[LossOptions], Loss]) -> Callable[[LossOptions], Loss]:
        LOSSES[name] = kind
        return kind

    return add


def make_loss(options: LossOptions) -> Loss:
    """Returns the loss that `options.name` names.

    Raises: UserError naming the nearest.
    """
    if options.name not in LOSSES:
        raise UserError(
            f"loss.name={options.name}: there are {', '.join(LOSSES)}"
            f"{nearest(options.name, LOSSES)}"
        )
    return LOSSES[options.name](options)

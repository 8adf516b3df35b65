"""The interface between losses and the training step, and losses by name (section 2)."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

from pgan_tf.config import LossOptions
from pgan_tf.errors import UserError, nearest
from pgan_tf.networks import Discriminator, Generator, Lod

Terms = dict[str, tf.Tensor]
"""Name -> float32 [N], a value per sample; the mean of `loss` over the samples is minimised."""


class DiscriminatorInputs(NamedTuple):
    """The inputs of D's loss in one replica, for N samples.

    Attributes:
      reals: [N, r, r, C] float32 in [-1, 1], r = R / 2^floor(lod), faded as the lod says.
      labels: [N, label_size], the reals' labels; None, or label_size 0, without labels.
      latents: [N, latent_size], the fakes' latents.
      mixing: [N] in [0, 1), where a penalty is evaluated between a real (0) and a fake (1).
    """

    reals: tf.Tensor
    labels: tf.Tensor | None
    latents: tf.Tensor
    mixing: tf.Tensor


class GeneratorInputs(NamedTuple):
    """The inputs of G's loss: latents [N, latent_size], labels [N, label_size] or None."""

    latents: tf.Tensor
    labels: tf.Tensor | None


class Loss(Protocol):
    """A loss, made from `LossOptions`.

    Attributes:
      reported_D, reported_G: names of the terms whose means are reported beside the losses.
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
          loss_scale: factor of an inner gradient while it is computed, for float16.
        """
        ...

    def generator(self, G: Generator, D: Discriminator, inputs: GeneratorInputs, lod: Lod) -> Terms:
        """Returns G's loss and its terms."""
        ...


LOSSES: dict[str, Callable[[LossOptions], Loss]] = {}


def register(name: str) -> Callable:
    """Returns a decorator that registers a loss under this name."""

    def add(kind: Callable[[LossOptions], Loss]) -> Callable[[LossOptions], Loss]:
        LOSSES[name] = kind
        return kind

    return add


def make_loss(options: LossOptions) -> Loss:
    """Returns the loss named `options.name`.

    Raises: UserError for an unknown name; it suggests the nearest.
    """
    if options.name not in LOSSES:
        hint = nearest(options.name, LOSSES)
        raise UserError(f"loss.name={options.name}: choose from {', '.join(LOSSES)}{hint}")
    return LOSSES[options.name](options)

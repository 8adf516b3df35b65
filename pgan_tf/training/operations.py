"""Counts the arithmetic of an iteration from the networks' tables."""

from pgan_tf.networks import Discriminator, Generator


def iteration_operations(G: Generator, D: Discriminator, stage: int, D_repeats: int = 1) -> float:
    """Returns the operations of one full update of D and G, per image of the minibatch.

    D step: G forward (1 x G); reals and fakes forward and backward (2 x 3 x D); the penalty:
    forward, gradient by the image, and the backward pass through both (2 + 4 x D).
    G step: G forward and backward (3 x G), D forward and backward to the image (2 x D).

    Args:
      stage: log2 of the resolution.
      D_repeats: D steps per G step.
    """
    g, d = G.operations(stage), D.operations(stage)
    return float(D_repeats * (g + 12 * d) + 3 * g + 2 * d)

"""Principal directions of a generator's latents: along them its first features vary most."""

import numpy as np
import scipy.linalg
import tensorflow as tf

from pgan_tf.errors import UserError
from pgan_tf.networks import Generator
from pgan_tf.randomness import Role, random_state


def first_features(Gs: Generator, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns what a generator's first block makes of latents: of the paper's, the 4x4 maps.

    Args:
      Gs: the generator.
      latents: [N, latent_size].
      labels: [N, label_size].
    Returns: float32 [N, features].
    """
    x = tf.concat([tf.cast(latents, tf.float32), tf.cast(labels, tf.float32)], axis=1)
    if Gs.table.inputs is not None:
        x = Gs.blocks[Gs.table.inputs.name](x, training=False)
    first = Gs.blocks[Gs.table.stages[2].blocks[0].name]
    features = first(tf.cast(x, Gs.compute_dtype), training=False)
    return tf.cast(features, tf.float32).numpy().reshape(len(latents), -1)


def principal_directions(
    Gs: Generator, count: int, label: np.ndarray | None = None, samples: int = 2000
) -> np.ndarray:
    """Returns directions in the space of latents, the one that changes most first.

    With Z [n, latent_size] random latents and F [n, features] their first features, less their
    mean, F = U S V^T: column k of A = U S holds the samples' coordinates along the k-th principal
    axis of the features. The direction is the one that best explains the latents by it,

        d_k = argmin_d sum_i |z_i - a_ik d|^2 = Z^T a_k / (a_k^T a_k),

    scaled to unit length, its largest entry positive. U are the eigenvectors of F F^T [n, n], or
    A = F V with V those of F^T F [features, features], whichever is smaller: neither samples nor
    features need be few.

    Args:
      Gs: the generator.
      count: directions wanted, latent_size at most.
      label: [label_size] of all samples; None for zeros.
      samples: n; the same random latents in every call.
    Returns: float32 [count, latent_size].
    Raises: UserError when more directions are asked for than there are.
    """
    size = Gs.latent_size
    z = random_state(0, Role.DIRECTIONS).randn(samples, size)
    row = np.zeros(Gs.label_size) if label is None else np.asarray(label)
    features = first_features(Gs, z, np.tile(row, [samples, 1])).astype(np.float64)
    features -= features.mean(axis=0)
    most = min(size, *features.shape)
    if not 1 <= count <= most:
        raise UserError(f"direction {count}: this generator has directions 1 to {most}")
    coordinates = principal_coordinates(features, count)
    directions = z.T @ coordinates  # [latent_size, count]
    directions /= np.linalg.norm(directions, axis=0)
    largest = np.abs(directions).argmax(axis=0)
    directions *= np.sign(directions[largest, np.arange(count)])
    return directions.T.astype(np.float32)


def principal_coordinates(features: np.ndarray, count: int) -> np.ndarray:
    """Returns the first columns of U of F = U S V^T, each times a positive number.

    Args:
      features: F, float64 [n, features], of mean 0.
      count: columns wanted, at most the smaller side of F.
    Returns: float64 [n, count].
    """
    n, size = features.shape
    smaller = min(n, size)
    largest = [smaller - count, smaller - 1]
    if n <= size:
        _, u = scipy.linalg.eigh(features @ features.T, subset_by_index=largest)
        return u[:, ::-1]
    _, v = scipy.linalg.eigh(features.T @ features, subset_by_index=largest)
    return features @ v[:, ::-1]

"""Principal directions in latent space, along which a generator's first features vary most."""

import numpy as np
import scipy.linalg
import tensorflow as tf

from pgan_tf.errors import UserError
from pgan_tf.networks import Generator
from pgan_tf.randomness import Role, random_state


def first_features(Gs: Generator, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the output of a generator's first block: in the paper's networks, the 4x4 maps.

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
    """Returns the directions in latent space that change the first features most, strongest first.

    Let Z [n, latent_size] be random latents, F [n, features] their first features minus the mean,
    and F = U S V^T. Column k of A = U S holds the samples' coordinates along the k-th principal
    axis of the features. Direction k is the one that best explains the latents by it,

        d_k = argmin_d sum_i |z_i - a_ik d|^2 = Z^T a_k / (a_k^T a_k),

    scaled to unit length, its largest entry positive. `principal_coordinates` computes A.

    Args:
      Gs: the generator.
      count: number of directions, latent_size at most.
      label: [label_size], the label of all samples; None for zeros.
      samples: n; the random latents are the same in every call.
    Returns: float32 [count, latent_size].
    Raises: UserError when the generator has fewer directions than `count`.
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
    """Returns the first columns of U in F = U S V^T, each times a positive number.

    They are the eigenvectors of F F^T [n, n], or F V with V the eigenvectors of F^T F [features,
    features], whichever matrix is smaller. So either n or the number of features may be large.

    Args:
      features: F, float64 [n, features], with mean 0.
      count: number of columns, at most the smaller side of F.
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

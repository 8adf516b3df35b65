"""How far images are from a target: multi-scale pixels, a Laplacian pyramid, and features."""

from collections.abc import Callable
from itertools import pairwise

import tensorflow as tf

from pgan_tf.layers import downscale2d, upscale2d

Features = Callable[[tf.Tensor], tf.Tensor]
"""Images float32 [N, r, r, C] in [-1, 1] -> features [N, F]; differentiable."""

_COARSEST = 4  # pixels of the height and width of the last level
_BANDS = 0.125  # weight of the Laplacian pyramid's term


def pixel_pyramid(images: tf.Tensor) -> list[tf.Tensor]:
    """Returns images [N, r, r, C] and their 2x2 means, the finest first, down to 4x4."""
    levels = [images]
    while levels[-1].shape[1] > _COARSEST:
        levels.append(downscale2d(levels[-1]))
    return levels


def laplacian_pyramid(levels: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns what each level of a pixel pyramid adds to the next coarser one.

    l_k = x_k - upscale(x_{k+1}), and the coarsest level itself. Added up from the coarsest on, each
    sum enlarged by nearest neighbour, they are the images again.
    """
    bands = [fine - upscale2d(coarse) for fine, coarse in pairwise(levels)]
    return [*bands, levels[-1]]


def visible_difference(images: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns images - target, but 0 where both are white, or black, to an eye.

    A generator's images go beyond [-1, 1] and are clipped for people. So where the target is at
    an end of the range, it says only that the image is there or beyond.

    Args:
      images: [N, r, r, C].
      target: [1, r, r, C] in [-1, 1].
    """
    difference = images - target
    difference = tf.where(target >= 1.0, tf.minimum(difference, 0.0), difference)
    return tf.where(target <= -1.0, tf.maximum(difference, 0.0), difference)


def distances(
    images: tf.Tensor,
    target: tf.Tensor,
    features: Features | None = None,
    feature_weight: float = 1.0,
    wanted: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the distance of each image from a target: float32 [N].

    With d their visible difference, x_k the levels of its pixel pyramid and l_k those of its
    Laplacian pyramid (both pyramids are linear, so these are differences of pyramids):

        mean_k mean(x_k^2) + mean_k mean(|l_k|) / 8 + weight |F(a) - F(b)|^2 / |F(b)|^2

    Args:
      images: a, [N, r, r, C], in about [-1, 1].
      target: b, [1, r, r, C], in [-1, 1].
      features: F, which gets clipped images; None leaves its term out.
      feature_weight: of its term.
      wanted: F(b), [1, F], where it is known already.
    """
    levels = pixel_pyramid(visible_difference(images, target))
    bands = laplacian_pyramid(levels)
    pixels = [tf.reduce_mean(tf.square(x), axis=[1, 2, 3]) for x in levels]
    details = [tf.reduce_mean(tf.abs(x), axis=[1, 2, 3]) for x in bands]
    total = (tf.add_n(pixels) + _BANDS * tf.add_n(details)) / len(levels)
    if features is not None:
        wanted = features(target) if wanted is None else wanted
        apart = features(tf.clip_by_value(images, -1.0, 1.0)) - wanted
        size = tf.reduce_sum(tf.square(wanted))
        total += feature_weight * tf.reduce_sum(tf.square(apart), axis=1) / (size + 1e-8)
    return total

"""The distance of images from a target: multi-scale pixels, a Laplacian pyramid, and features."""

from collections.abc import Callable
from itertools import pairwise

import tensorflow as tf

from pgan_tf.layers import downscale2d, upscale2d

Features = Callable[[tf.Tensor], tf.Tensor]
"""Images float32 [N, r, r, C] in [-1, 1] -> features [N, F]; differentiable."""

_COARSEST = 4  # height and width of the last level
_BANDS = 0.125  # weight of the Laplacian pyramid's term


def pixel_pyramid(images: tf.Tensor) -> list[tf.Tensor]:
    """Returns images [N, r, r, C] and their 2x2 means, the finest first, down to 4x4."""
    levels = [images]
    while levels[-1].shape[1] > _COARSEST:
        levels.append(downscale2d(levels[-1]))
    return levels


def laplacian_pyramid(levels: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the detail that each level of a pixel pyramid adds to the next coarser one.

    l_k = x_k - upscale(x_{k+1}); the last is the coarsest level itself. Adding them up from the
    coarsest on, with each sum enlarged by nearest neighbour, gives the images again.
    """
    bands = [fine - upscale2d(coarse) for fine, coarse in pairwise(levels)]
    return [*bands, levels[-1]]


def visible_difference(images: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns images - target, but 0 where both are seen as white, or both as black.

    A generator's images go beyond [-1, 1] and are clipped for people. So where the target is at an
    end of the range, an image at that end or beyond it does not differ.

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
    target_features: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the distance of each image from a target: float32 [N].

    x_k are the levels of the pixel pyramid of the visible difference, l_k the levels of its
    Laplacian pyramid. Both pyramids are linear, so these are differences of pyramids.

        mean_k mean(x_k^2) + mean_k mean(|l_k|) / 8 + weight |F(a) - F(b)|^2 / |F(b)|^2

    Args:
      images: a, [N, r, r, C], in about [-1, 1].
      target: b, [1, r, r, C], in [-1, 1].
      features: F, called with clipped images; None leaves out its term.
      feature_weight: weight of its term.
      target_features: F(b), [1, F], if it is known already.
    """
    levels = pixel_pyramid(visible_difference(images, target))
    bands = laplacian_pyramid(levels)
    pixels = [tf.reduce_mean(tf.square(x), axis=[1, 2, 3]) for x in levels]
    details = [tf.reduce_mean(tf.abs(x), axis=[1, 2, 3]) for x in bands]
    total = (tf.add_n(pixels) + _BANDS * tf.add_n(details)) / len(levels)
    if features is not None:
        if target_features is None:
            target_features = features(target)
        difference = features(tf.clip_by_value(images, -1.0, 1.0)) - target_features
        size = tf.reduce_sum(tf.square(target_features))
        total += feature_weight * tf.reduce_sum(tf.square(difference), axis=1) / (size + 1e-8)
    return total

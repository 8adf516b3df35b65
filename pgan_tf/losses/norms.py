"""Norms of gradients (section 2)."""

import tensorflow as tf


def safe_norm(x: tf.Tensor) -> tf.Tensor:
    """Returns each sample's Euclidean norm, [N, ...] -> [N] float32; its gradient at 0 is 0."""
    squares = tf.square(tf.cast(x, tf.float32))
    square = tf.reduce_sum(squares, axis=list(range(1, len(x.shape))))
    is_zero = tf.equal(square, 0.0)  # False for NaN, which stays NaN
    return tf.where(is_zero, 0.0, tf.sqrt(tf.where(is_zero, 1.0, square)))

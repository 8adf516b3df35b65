"""The label terms of AC-GAN, which any loss may add (section 2)."""

import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy, [N, label_size] both -> [N] float32."""
    return -tf.reduce_sum(tf.cast(labels, tf.float32) * tf.nn.log_softmax(logits), axis=1)

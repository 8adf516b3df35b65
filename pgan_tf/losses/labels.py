"""AC-GAN's label term, which any loss may add (section 2)."""

import tensorflow as tf


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the softmax cross-entropy of each sample, both [N, label_size] -> [N] float32."""
    return -tf.reduce_sum(tf.cast(labels, tf.float32) * tf.nn.log_softmax(logits), axis=1)

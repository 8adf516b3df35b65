"""Minibatch standard deviation."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="pgan_tf")
class MinibatchStddev(keras.layers.Layer):
    """Appends the standard deviation over groups of samples as one feature map (paper, section 3).

    With G = min(group_size, N) and M = N / G, sample n = g * M + m belongs to group m:
    s_m = mean_{h,w,c} sqrt(var_g(x[g, m]) + 1e-8), in float32, with the population variance.

    Args:
      group_size: samples per group; a smaller minibatch is one group.
    Input: [sets * N, h, w, C]: `sets` minibatches one after the other, each with its own
    statistics. Output: [sets * N, h, w, C + 1], same dtype.
    In exported networks the batch size is known only when they run; such a batch is one minibatch.
    Raises: ValueError when group_size is less than 2, when G does not divide N, or when N is
      unknown and there are several minibatches.
    """

    def __init__(self, group_size: int = 4, **kwargs):
        super().__init__(**kwargs)
        if group_size < 2:
            raise ValueError(f"group_size={group_size}: 2 or more is needed")
        self.group_size = group_size

    def call(self, x, sets=1):
        total = x.shape[0]
        if total is None:
            if sets > 1:
                raise ValueError(f"{self.name}: the batch size must be known when tracing")
            total = tf.shape(x)[0]
            group = tf.minimum(self.group_size, total)
            return self._append(x, total, 1, group, total // group)
        n, rest = divmod(total, sets)
        if rest or not n:
            raise ValueError(f"{self.name}: {total} samples can't be split into {sets} minibatches")
        group = min(self.group_size, n)
        if n % group:
            raise ValueError(f"{self.name}: a batch of {n} can't be split into groups of {group}")
        return self._append(x, total, sets, group, n // group)

    def _append(self, x, total, sets, group, m):
        """Appends the map to `total` samples, `sets` minibatches of m groups of `group` samples.

        All sizes may be tensors.
        """
        h, w, c = x.shape[1:]
        y = tf.reshape(x, [sets, group, m, h, w, c])
        y = tf.cast(y, tf.float32) if y.dtype.size < 4 else y
        y -= tf.reduce_mean(y, axis=1, keepdims=True)
        y = tf.sqrt(tf.reduce_mean(y * y, axis=1) + 1e-8)  # [sets, M, h, w, C]
        y = tf.cast(tf.reduce_mean(y, axis=[2, 3, 4]), x.dtype)  # [sets, M]
        y = tf.broadcast_to(y[:, None, :, None, None], [sets, group, m, h, w])
        return tf.concat([x, tf.reshape(y, [total, h, w, 1])], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size}

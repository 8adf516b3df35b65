"""Adam with the state that this method needs, and dynamic loss scaling."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from pgan_tf.config import OptimizerOptions


class Adam:
    """Adam for one network (section 3), as TensorFlow's: epsilon outside the root.

    m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
    w = w - rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)

    With the paper's beta1 = 0, m is the gradient itself and is not stored. If any gradient is not
    finite, the update is skipped: only `skipped`, `skipped_in_a_row` and the loss scale change.

    Args:
      variables: name -> variable, all trained variables of the network.
      options: betas and epsilon.
      loss_scaling: for float16. The loss must then be multiplied by 2^log2_scale; log2_scale
        starts at 64, grows by 0.0005 per update and falls by 1 per skipped one.
    """

    SCALE_START, SCALE_UP, SCALE_DOWN = 64.0, 0.0005, 1.0

    def __init__(
        self, variables: Mapping[str, tf.Variable], options: OptimizerOptions, loss_scaling: bool
    ):
        self.options = options
        self.loss_scaling = loss_scaling
        self._names = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables.values())}
        slots = 2 if options.beta1 else 1
        self._slots = [
            [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables.values()]
            for _ in range(slots)
        ]
        self.steps = tf.Variable(0.0, trainable=False)
        self.log2_scale = tf.Variable(self.SCALE_START, trainable=False)
        self.skipped = tf.Variable(0.0, trainable=False)
        self.skipped_in_a_row = tf.Variable(0.0, trainable=False)

    def reset(self) -> None:
        """Resets the moments and the step count; keeps the loss scale."""
        for slot in self._slots:
            for v in slot:
                v.assign(tf.zeros(v.shape))
        self.steps.assign(0.0)

    def scale(self, local: Callable) -> tf.Tensor:
        """Returns the factor to multiply the loss by: 2^log2_scale, or 1 without loss scaling."""
        return 2.0 ** local(self.log2_scale) if self.loss_scaling else tf.constant(1.0)

    def update(
        self,
        variables: Sequence,
        gradients: Sequence[tf.Tensor],
        rate: tf.Tensor,
        local: Callable[[tf.Variable], tf.Variable],
    ) -> None:
        """Updates the current replica's copies of `variables`.

        Args:
          variables: Keras variables; some or all of those given to `__init__`.
          gradients: gradients of the scaled loss, averaged over replicas.
          rate: learning rate.
          local: a variable -> the current replica's copy of it.
        """
        o = self.options
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        good = tf.cast(finite, tf.float32)
        inverse = 1.0 / self.scale(local)
        steps = local(self.steps).assign_add(good)
        steps = tf.maximum(steps, 1.0)
        rate *= tf.sqrt(1.0 - o.beta2**steps)
        if o.beta1:
            rate /= 1.0 - o.beta1**steps

        for variable, gradient in zip(variables, gradients, strict=True):
            i = self._index[id(variable)]
            weight, second = local(variable.value), local(self._slots[0][i])
            if self.loss_scaling:
                gradient *= inverse
            v = o.beta2 * second + (1.0 - o.beta2) * tf.square(gradient)
            m = gradient
            if o.beta1:
                first = local(self._slots[1][i])
                m = o.beta1 * first + (1.0 - o.beta1) * gradient
                first.assign(tf.where(finite, m, first))
            step = rate * m / (tf.sqrt(v) + o.epsilon)
            second.assign(tf.where(finite, v, second))
            weight.assign(tf.where(finite, weight - step, weight))

        local(self.skipped).assign_add(1.0 - good)
        in_a_row = local(self.skipped_in_a_row)
        in_a_row.assign((in_a_row + 1.0) * (1.0 - good))
        if self.loss_scaling:
            local(self.log2_scale).assign_add(tf.where(finite, self.SCALE_UP, -self.SCALE_DOWN))

    def state(self) -> dict[str, tf.Variable]:
        """Returns name -> variable of everything that continuing needs."""
        state = {
            f"slot{k}/{name}": slot[i]
            for k, slot in enumerate(self._slots)
            for i, name in enumerate(self._names)
        }
        state |= {
            "steps": self.steps,
            "log2_scale": self.log2_scale,
            "skipped": self.skipped,
            "skipped_in_a_row": self.skipped_in_a_row,
        }
        return state

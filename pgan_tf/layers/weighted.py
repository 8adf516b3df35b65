"""Base of the layers with weights: the equalized learning rate (paper, section 4.1)."""

import math

import keras
import tensorflow as tf

GAIN = math.sqrt(2)  # He's gain, for layers before a (leaky) ReLU


def seed_of(seed: int | None, name: str) -> int | None:
    """Returns the seed of a network's part, derived from `seed` and its name; None stays None."""
    if seed is None:
        return None
    # FNV-1a: stable across Python versions, unlike hash().
    value = 2166136261 ^ (seed & 0xFFFFFFFF)
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


class WeightedLayer(keras.layers.Layer):
    """Base of the layers with weights: y = op(x, weight * c).

    With the equalized learning rate, weights are drawn from N(0, 1) and multiplied at every
    call by He's constant, c = gain / sqrt(fan_in). Without it, c = 1 and the weights are
    drawn from N(0, gain^2 / fan_in). fan_in is the product of the weight's axes but the last.

    Args:
      units: number of output features.
      gain: sqrt(2) before a (leaky) ReLU, 1 for a linear layer.
      use_wscale: whether the learning rate is equalized.
      seed: seed of the initial weights; None draws them differently each time.
    Raises: ValueError for an argument out of range.
    """

    def __init__(
        self,
        units: int,
        gain: float = GAIN,
        use_wscale: bool = True,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units={units}: a positive number is needed")
        if gain <= 0:
            raise ValueError(f"gain={gain}: a positive number is needed")
        self.units = units
        self.gain = gain
        self.use_wscale = use_wscale
        self.seed = seed

    def weight_shapes(self, input_shape: tuple) -> dict[str, tuple[int, ...]]:
        """Returns variable name -> shape, for inputs of this shape."""
        raise NotImplementedError

    def build(self, input_shape):
        shape = self.weight_shapes(input_shape)["weight"]
        std = self.gain / math.sqrt(math.prod(shape[:-1]))
        self.scale = std if self.use_wscale else 1.0
        self.weight = self.add_weight(
            name="weight",
            shape=shape,
            initializer=keras.initializers.RandomNormal(
                stddev=1.0 if self.use_wscale else std, seed=self.seed
            ),
        )

    def op(self, x: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        """Returns the sums of products, linear in x and in the weight."""
        raise NotImplementedError

    def call(self, x):
        weight = tf.convert_to_tensor(self.weight)
        if weight.dtype == tf.float16:
            # Sums that are multiplied by c only afterwards would overflow 1 / c times earlier.
            return self.op(x, weight * self.scale)
        # Elsewhere c multiplies the sums. The function is the same, but the product is fused with
        # the next operations; scaling the weight would read and write it once more each way.
        x = self.op(x, weight)
        return x * tf.cast(self.scale, x.dtype)

    def relayout(self, name: str, array):
        """Converts a variable between our layout and the official one; it is its own inverse."""
        return array

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "gain": self.gain,
            "use_wscale": self.use_wscale,
            "seed": self.seed,
        }

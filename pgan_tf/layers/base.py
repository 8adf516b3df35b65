"""What all layers with weights share: equalized learning rate, bias, activation."""

import math

import keras
import tensorflow as tf

SLOPE = 0.2  # of the leaky ReLU, everywhere in the paper


def seed_of(seed: int | None, name: str) -> int | None:
    """Returns a seed for the part `name` of what `seed` stands for; None stays None."""
    if seed is None:
        return None
    # FNV-1a: stable across Python versions, unlike hash().
    value = 2166136261 ^ (seed & 0xFFFFFFFF)
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


class EqualizedLayer(keras.layers.Layer):
    """Base of the layers with weights: y = act(op(x, weight * c) + bias) (section 4.1).

    With the equalized learning rate, weights are drawn from N(0, 1) and multiplied at every
    call by c = gain / sqrt(fan_in), He's constant. Without it, c = 1 and the weights are
    drawn from N(0, gain^2 / fan_in). Biases start at 0 and are not scaled.

    Args:
      units: features of the output.
      gain: sqrt(2) before a (leaky) ReLU, 1 before nothing.
      use_wscale: equalized learning rate.
      activation: None, "leaky_relu" (slope 0.2) or "relu".
      seed: of the initial weights; None draws them differently each time.
    Raises: ValueError for an argument out of range.
    """

    def __init__(
        self,
        units: int,
        gain: float = math.sqrt(2),
        use_wscale: bool = True,
        activation: str | None = "leaky_relu",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units={units}: a positive number is needed")
        if gain <= 0:
            raise ValueError(f"gain={gain}: a positive number is needed")
        if activation not in (None, "leaky_relu", "relu"):
            raise ValueError(f"activation={activation!r}: None, 'leaky_relu' or 'relu' is needed")
        self.units = units
        self.gain = gain
        self.use_wscale = use_wscale
        self.activation = activation
        self.seed = seed

    def add_weights(self, shape: tuple[int, ...], bias_units: int | None = None) -> None:
        """Makes `weight` of `shape`, fan-in being all but the last axis, and `bias`."""
        std = self.gain / math.sqrt(math.prod(shape[:-1]))
        self.scale = std if self.use_wscale else 1.0
        self.weight = self.add_weight(
            name="weight",
            shape=shape,
            initializer=keras.initializers.RandomNormal(
                stddev=1.0 if self.use_wscale else std, seed=self.seed
            ),
        )
        self.bias = self.add_weight(
            name="bias", shape=(bias_units or self.units,), initializer="zeros"
        )

    def operand(self) -> tf.Tensor:
        """Returns what the input is multiplied by: the weight, in float16 times c.

        Elsewhere `finish` multiplies the products by c instead: the same function, fused with the
        bias, where the weight would be read and written once more, forwards and backwards. In
        float16 the sums before c would overflow 1 / c times earlier.
        """
        weight = tf.convert_to_tensor(self.weight)
        return weight * self.scale if weight.dtype == tf.float16 else weight

    def finish(self, x: tf.Tensor) -> tf.Tensor:
        """Returns act(x * c + bias) for x = op(input, operand); x: [..., channels]."""
        if x.dtype != tf.float16:
            x *= tf.cast(self.scale, x.dtype)
        x += tf.convert_to_tensor(self.bias)
        if self.activation == "leaky_relu":
            return tf.nn.leaky_relu(x, SLOPE)
        return tf.nn.relu(x) if self.activation == "relu" else x

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "gain": self.gain,
            "use_wscale": self.use_wscale,
            "activation": self.activation,
            "seed": self.seed,
        }

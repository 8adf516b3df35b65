"""The contract of every layer, in one check."""

import keras
import numpy as np
import tensorflow as tf

POLICIES = {"float32": 1e-5, "mixed_bfloat16": 0.05, "mixed_float16": 0.01}
"""Dtype policy -> greatest difference from float32, relative to the largest output."""


def check_layer(make, input_shape, output_shape, variables=()):
    """Checks a layer.

    - Its output has the announced shape and the compute dtype; its variables are float32.
    - Half precision comes near float32, and XLA gives the same output.
    - It is registered; a layer made from its config computes the same.
    - Its gradients, by the input and by each variable, agree with differences of its outputs.

    Args:
      make: (dtype=...) -> layer, with a fixed seed.
      input_shape: including the batch.
      output_shape: the shape that the layer must announce and give.
      variables: names of the layer's variables, in order.
    """
    x = np.random.RandomState(0).randn(*input_shape).astype(np.float32)
    layer = make(dtype="float32")
    assert tuple(layer.compute_output_shape(tuple(input_shape))) == tuple(output_shape)
    y = layer(x)
    assert y.shape == output_shape and y.dtype == tf.float32
    assert [v.name for v in layer.variables] == list(variables)
    if hasattr(layer, "weight_shapes"):
        shapes = layer.weight_shapes(tuple(input_shape))
        assert shapes == {v.name: tuple(v.shape) for v in layer.variables}

    compiled = tf.function(layer, jit_compile=True)(x)
    np.testing.assert_allclose(compiled, y, rtol=0, atol=1e-5 * np.abs(y).max() + 1e-7)

    for policy, tolerance in POLICIES.items():
        half = make(dtype=policy)
        z = half(x)
        assert z.dtype == half.compute_dtype
        assert all(v.dtype == "float32" for v in half.variables)
        _set(half, layer)
        difference = np.abs(tf.cast(half(x), tf.float32) - y).max()
        assert difference <= tolerance * np.abs(y).max() + 1e-7, policy

    text = keras.saving.serialize_keras_object(layer)
    assert text["registered_name"] == f"pgan_tf>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(text)
    assert again.get_config() == layer.get_config()
    again(x)
    _set(again, layer)
    np.testing.assert_array_equal(again(x), y)

    _check_gradients(make(dtype="float64"), x.astype(np.float64))


def _set(target, source):
    for a, b in zip(target.variables, source.variables, strict=True):
        a.assign(b.numpy())


def _check_gradients(layer, x, step=1e-6, tolerance=1e-5):
    """Compares directional derivatives of sum(y * u) with central differences."""
    rs = np.random.RandomState(1)
    x = tf.constant(x)
    u = rs.randn(*layer(x).shape)
    for v in layer.variables:
        v.assign(v.numpy() + 0.1 * rs.randn(*v.shape))

    def value(x):
        return tf.reduce_sum(layer(x) * u)

    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = value(x)
    gradients = tape.gradient(loss, [x, *(v.value for v in layer.variables)])
    direction = rs.randn(*x.shape)
    numeric = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    _assert_near(tf.reduce_sum(gradients[0] * direction), numeric, tolerance)
    for variable, gradient in zip(layer.variables, gradients[1:], strict=True):
        before, direction = variable.numpy(), rs.randn(*variable.shape)
        sides = []
        for sign in (1, -1):
            variable.assign(before + sign * step * direction)
            sides.append(value(x))
        variable.assign(before)
        _assert_near(
            tf.reduce_sum(gradient * direction), (sides[0] - sides[1]) / (2 * step), tolerance
        )


def _assert_near(exact, numeric, tolerance):
    assert abs(exact - numeric) <= tolerance * max(abs(float(numeric)), 1.0)

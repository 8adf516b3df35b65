"""Each layer against its formula in NumPy, and against the official fused kernels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from pgan_tf import layers
from pgan_tf.layers import winograd
from pgan_tf.losses import cross_entropy, safe_norm

RS = np.random.RandomState(0)


def conv(x, w):
    """Zero-padded convolution of [N, h, w, C] with [3, 3, C, D], by SciPy."""
    return np.stack(
        [
            sum(correlate(image[..., c], w[..., c, d], "same") for c in range(x.shape[-1]))
            for image in x
            for d in range(w.shape[-1])
        ]
    ).reshape(len(x), w.shape[-1], *x.shape[1:3]).transpose(0, 2, 3, 1)  # fmt: skip


def up(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def down(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def built(layer, shape):
    layer.build(shape)
    return layer, layer.weight.numpy() * layer.scale


@pytest.mark.parametrize("size", [4, 6])
def test_convolutions_equal_scipys(size):
    x = RS.randn(2, size, size, 3).astype(np.float32)
    layer, w = built(layers.EqualizedConv2D(5, seed=1), x.shape)
    np.testing.assert_allclose(layer(x), conv(x, w), atol=1e-5)
    layer, w = built(layers.UpscaleConv2D(5, seed=1), x.shape)
    np.testing.assert_allclose(layer(x), conv(up(x), w), atol=1e-5)
    layer, w = built(layers.DownscaleConv2D(5, seed=1), x.shape)
    np.testing.assert_allclose(layer(x), down(conv(x, w)), atol=1e-5)


def test_block_applies_its_layers_in_order():
    x = RS.randn(4, 4, 4, 3).astype(np.float32)
    weights, bias = layers.EqualizedConv2D(5, seed=1), layers.Bias()
    orders = {
        "fused": [layers.DownscaleConv2D(5, seed=1), layers.Bias(), layers.LeakyReLU(0.3)],
        "unfused": [weights, bias, layers.LeakyReLU(0.3), layers.Downscale2D()],
    }
    for name, order in orders.items():
        block = layers.Block(order)
        block.build(x.shape)
        b = RS.randn(5).astype(np.float32)
        order[1].bias.assign(b)
        w = order[0].weight.numpy() * order[0].scale

        def act(x):
            return np.where(x > 0, x, 0.3 * x)

        y = conv(x, w)
        expected = act(down(y) + b) if name == "fused" else down(act(y + b))
        np.testing.assert_allclose(block(x), expected, atol=1e-5)


def test_block_keeps_minibatches_apart():
    a, b = RS.randn(2, 6, 4, 4, 3).astype(np.float32)
    both = np.concatenate([a, b])
    block = layers.Block([layers.MinibatchStddev(3)])
    expected = np.concatenate([block(a), block(b)])
    np.testing.assert_allclose(block(both, sets=2), expected, rtol=1e-6)
    block = layers.Block([keras.layers.BatchNormalization()])  # with running statistics
    expected = np.concatenate([block(a, training=True), block(b, training=True)])
    np.testing.assert_allclose(block(both, sets=2, training=True), expected, atol=1e-6)
    assert np.abs(block(both, training=True) - expected).max() > 1e-3
    assert np.abs(block(a, training=False) - block(a, training=True)).max() > 1e-3


def test_winograd_and_its_gradients_equal_the_plain_convolution():
    # In float64, so that only the formulas can differ, not the rounding.
    x, w, u = RS.randn(2, 6, 4, 5), RS.randn(3, 3, 5, 7), RS.randn(2, 6, 4, 5)

    def all_of(op):
        x_, w_ = tf.constant(x), tf.constant(w)
        with tf.GradientTape() as outer:
            outer.watch([x_, w_])
            with tf.GradientTape() as inner:
                inner.watch(x_)
                y = op(x_, w_)
                loss = tf.reduce_sum(tf.sin(y))
            gradient = inner.gradient(loss, x_)
            penalty = tf.reduce_sum(gradient * gradient * u)
        return [y, gradient, *outer.gradient(penalty, [x_, w_])]

    plain = all_of(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"))
    for a, b in zip(all_of(winograd.winograd_conv), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_winograd_is_used_for_wide_layers_and_is_as_exact():
    x = RS.randn(8, 8, 8, 128).astype(np.float32)
    layer = layers.EqualizedConv2D(128, seed=1)
    layer.build(x.shape)
    assert winograd.is_faster(tf.constant(x), 128)
    assert not winograd.is_faster(tf.constant(x[..., :64]), 128)
    assert not winograd.is_faster(tf.constant(x[:4, :4, :4]), 128)  # 16 tiles
    assert not winograd.is_faster(tf.constant(x, tf.float16), 128)
    w = layer.weight.numpy().astype(np.float64) * layer.scale
    exact = tf.nn.conv2d(x.astype(np.float64), w, 1, "SAME").numpy()
    plain = tf.nn.conv2d(x, w.astype(np.float32), 1, "SAME").numpy()
    assert np.abs(layer(x) - exact).max() <= 3 * np.abs(plain - exact).max()


def test_scaling_convolutions_equal_the_official_fused_kernels():
    x = RS.randn(2, 6, 6, 3).astype(np.float32)

    def fuse(w):  # pad 3x3 to 5x5, add the four 4x4 corners
        w = np.pad(w, [(1, 1), (1, 1), (0, 0), (0, 0)])
        return w[1:, 1:] + w[:-1, 1:] + w[1:, :-1] + w[:-1, :-1]

    layer, w = built(layers.DownscaleConv2D(5, seed=1), x.shape)
    expected = tf.nn.conv2d(x, fuse(w) / 4, 2, "SAME")
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)

    layer, w = built(layers.UpscaleConv2D(5, seed=1), x.shape)
    kernel = fuse(w[::-1, ::-1].transpose(0, 1, 3, 2))
    expected = tf.nn.conv2d_transpose(x, kernel, [2, 12, 12, 5], 2, "SAME")
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    official = layer.relayout("weight", layer.weight.numpy()) * layer.scale
    expected = tf.nn.conv2d_transpose(x, fuse(official), [2, 12, 12, 5], 2, "SAME")
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_dense_and_its_layouts_equal_numpy():
    x = RS.randn(3, 7).astype(np.float32)
    layer, w = built(layers.EqualizedDense(48, seed=1), x.shape)
    np.testing.assert_allclose(layer(x), x @ w, atol=1e-5)
    maps = layers.ChannelMajorToMaps(4)(layer(x))  # column: channel * 16 + pixel
    expected = (x @ w).reshape(3, 3, 4, 4).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    np.testing.assert_array_equal(layers.MapsToChannelMajor()(maps), layer(x))


def test_leaky_relu_follows_the_formula():
    x = np.array([-2.0, -0.5, 0.0, 3.0], np.float32)
    np.testing.assert_allclose(layers.LeakyReLU()(x), [-0.4, -0.1, 0, 3])
    np.testing.assert_allclose(layers.LeakyReLU(0.0)(x), [0, 0, 0, 3])


def test_pixel_norm_follows_the_formula():
    x = RS.randn(2, 3, 3, 8).astype(np.float32)
    expected = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(layers.PixelNorm()(x), expected, atol=1e-6)
    half = layers.PixelNorm(1e-4, dtype="mixed_float16")(x.astype(np.float16) * 300)
    # Squares of 300 overflow float16, so the mean has to be in float32.
    assert half.dtype == tf.float16
    np.testing.assert_allclose(half, expected, atol=2e-3)


@pytest.mark.parametrize(("n", "group"), [(8, 4), (8, 2), (6, 3), (3, 16), (4, 4)])
def test_minibatch_stddev_follows_the_formula(n, group):
    x = RS.randn(n, 4, 4, 5).astype(np.float32)
    y = layers.MinibatchStddev(group)(x).numpy()
    np.testing.assert_array_equal(y[..., :5], x)
    size = min(group, n)
    m = n // size
    for i in range(n):
        members = x[i % m :: m]
        assert len(members) == size
        s = np.sqrt(members.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(y[i, ..., 5], s, rtol=1e-5)


def test_scaling_repeats_and_averages_pixels():
    x = RS.randn(2, 4, 6, 3).astype(np.float32)
    np.testing.assert_array_equal(layers.upscale2d(tf.constant(x)), up(x))
    np.testing.assert_allclose(layers.downscale2d(tf.constant(x)), down(x), atol=1e-6)
    with pytest.raises(ValueError, match="can't be halved"):
        layers.downscale2d(tf.zeros([1, 3, 4, 1]))


def test_safe_norm_has_a_finite_gradient_at_zero():
    x = tf.Variable([[3.0, 4.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        norms = safe_norm(x)
    np.testing.assert_allclose(norms, [5.0, 0.0])
    unfit = safe_norm(tf.constant([[np.nan, 1.0], [np.inf, 1.0]]))
    np.testing.assert_array_equal(unfit, [np.nan, np.inf])
    np.testing.assert_allclose(tape.gradient(norms, x), [[0.6, 0.8], [0.0, 0.0]])


def test_cross_entropy_follows_the_formula():
    logits, labels = RS.randn(4, 3).astype(np.float32), np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        cross_entropy(labels, logits), -np.log((p * labels).sum(axis=1)), rtol=1e-5
    )


@pytest.mark.parametrize(
    "kind", [layers.EqualizedConv2D, layers.UpscaleConv2D, layers.DownscaleConv2D]
)
def test_float16_convolutions_do_not_overflow(kind):
    layer = kind(64, seed=1, dtype="mixed_float16")
    x = (RS.randn(1, 4, 4, 512) * 2000).astype(np.float16)
    layer.build(x.shape)
    assert np.isfinite(layer(x)).all()
    full = kind(64, seed=1)
    full.build(x.shape)
    expected = full(x.astype(np.float32)).numpy()
    assert np.abs(layer(x) - expected).max() < 0.01 * np.abs(expected).max()

"""Writes our layers as ONNX operators (opset 18), channels second.

A new kind of layer needs one more function here:

    @emits(MyLayer)
    def my_layer(graph, layer, x, bias): ...
"""

from collections.abc import Callable

import keras
import numpy as np

from pgan_tf import layers
from pgan_tf.errors import UserError
from pgan_tf.export.forward import downscaling_kernel, scaled_weight, upscaling_kernel
from pgan_tf.export.onnx_graph import Graph, Value

Emitter = Callable[[Graph, keras.layers.Layer, Value, np.ndarray | None], str]
"""(graph, layer, its input, bias to add or None) -> name of the output."""

EMITTERS: dict[type, Emitter] = {}


def emits(kind: type) -> Callable[[Emitter], Emitter]:
    """Returns a decorator that registers the function to add layers of this kind."""

    def register(function: Emitter) -> Emitter:
        EMITTERS[kind] = function
        return function

    return register


def emit(graph: Graph, layer: keras.layers.Layer, x: Value, bias: np.ndarray | None) -> Value:
    """Adds a layer, and a bias if there is one, to the graph and returns the output.

    Raises: UserError for a kind of layer without a function here.
    """
    if type(layer) not in EMITTERS:
        raise UserError(
            f"the layer {type(layer).__name__} has no ONNX form; the formats keras and"
            " savedmodel accept every layer"
        )
    name = EMITTERS[type(layer)](graph, layer, x, bias)
    return Value(name, tuple(layer.compute_output_shape(x.shape)))


def upscale2d(graph: Graph, x: Value) -> Value:
    """Adds nearest-neighbour upscaling, [N, C, h, w] -> [N, C, 2h, 2w]."""
    return emit(graph, layers.Upscale2D(), x, None)


def downscale2d(graph: Graph, x: Value) -> Value:
    """Adds means of 2x2 pixels, [N, C, h, w] -> [N, C, h/2, w/2]."""
    return emit(graph, layers.Downscale2D(), x, None)


def _with_bias(bias: np.ndarray | None) -> list[np.ndarray]:
    return [] if bias is None else [bias]


@emits(layers.EqualizedConv2D)
def _conv(graph, layer, x, bias):
    weight = graph.weight(scaled_weight(layer).transpose(3, 2, 0, 1))
    pads = [layer.kernel_size // 2] * 4
    return graph.op("Conv", x.name, weight, *_with_bias(bias), pads=pads)


@emits(layers.UpscaleConv2D)
def _upscale_conv(graph, layer, x, bias):
    # Faster in onnxruntime than Resize and Conv at every size (docs/export.md).
    weight = graph.weight(upscaling_kernel(layer).transpose(3, 2, 0, 1))  # [C, units, 4, 4]
    options = {"strides": [2, 2], "pads": [1] * 4}
    return graph.op("ConvTranspose", x.name, weight, *_with_bias(bias), **options)


@emits(layers.DownscaleConv2D)
def _downscale_conv(graph, layer, x, bias):
    weight = graph.weight(downscaling_kernel(layer).transpose(3, 2, 0, 1))
    options = {"strides": [2, 2], "pads": [1] * 4}
    return graph.op("Conv", x.name, weight, *_with_bias(bias), **options)


@emits(layers.EqualizedDense)
def _dense(graph, layer, x, bias):
    return graph.op("Gemm", x.name, graph.weight(scaled_weight(layer)), *_with_bias(bias))


@emits(layers.Bias)
def _bias(graph, layer, x, bias):
    spread = layer.bias.numpy().reshape([-1] + [1] * (len(x.shape) - 2))
    return graph.op("Add", x.name, spread)


@emits(layers.LeakyReLU)
def _leaky_relu(graph, layer, x, bias):
    if not layer.slope:
        return graph.op("Relu", x.name)
    return graph.op("LeakyRelu", x.name, alpha=layer.slope)


@emits(layers.PixelNorm)
def _pixel_norm(graph, layer, x, bias):
    squares = graph.op("Mul", x.name, x.name)
    mean = graph.op("ReduceMean", squares, np.array([1], np.int64))
    length = graph.op("Sqrt", graph.op("Add", mean, np.float32([layer.epsilon])))
    return graph.op("Div", x.name, length)


@emits(layers.ChannelMajorToMaps)
def _to_maps(graph, layer, x, bias):
    return graph.op("Reshape", x.name, np.array([0, -1, layer.size, layer.size], np.int64))


@emits(layers.MapsToChannelMajor)
def _to_vector(graph, layer, x, bias):
    return graph.op("Flatten", x.name)


@emits(layers.Upscale2D)
def _upscale(graph, layer, x, bias):
    return graph.op(
        "Resize", x.name, "", np.float32([1, 1, 2, 2]), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip


@emits(layers.Downscale2D)
def _downscale(graph, layer, x, bias):
    return graph.op("AveragePool", x.name, kernel_shape=[2, 2], strides=[2, 2])


@emits(layers.MinibatchStddev)
def _minibatch_stddev(graph, layer, x, bias):
    _, h, w, c = x.shape

    def ints(*values):
        return np.array(values, np.int64)

    n = graph.op("Shape", x.name, start=0, end=1)
    group = graph.op("Min", n, ints(layer.group_size))  # [1]
    groups = graph.op("Concat", group, ints(-1, c, h, w), axis=0)
    y = graph.op("Reshape", x.name, groups)  # [G, M, C, h, w]
    y = graph.op("Sub", y, graph.op("ReduceMean", y, ints(0)))
    variance = graph.op("ReduceMean", graph.op("Mul", y, y), ints(0))  # [1, M, C, h, w]
    stddev = graph.op("Sqrt", graph.op("Add", variance, np.float32([1e-8])))
    stddev = graph.op("ReduceMean", stddev, ints(2, 3, 4))  # [1, M, 1, 1, 1]
    wanted = graph.op("Concat", group, ints(1, 1, h, w), axis=0)
    stddev = graph.op("Expand", stddev, wanted)  # [G, M, 1, h, w]
    stddev = graph.op("Reshape", stddev, ints(-1, 1, h, w))
    return graph.op("Concat", x.name, stddev, axis=1)

"""A network's forward pass, written once for all export formats (method 1).

It follows the network's table, as `Generator.call` and `Discriminator.call` do. A backend makes the
nodes of an ONNX graph or of a Keras model.
"""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import keras
import numpy as np

from pgan_tf.layers import Bias, Block, ChannelMajorToMaps
from pgan_tf.layers.weighted import WeightedLayer
from pgan_tf.networks import Discriminator, Generator, Lod

X = TypeVar("X")


class Backend(Protocol[X]):
    """Makes the nodes of a forward pass; `X` is a batch of features or images in its format."""

    def block(self, name: str, block: Block, x: X) -> X:
        """Applies a block's layers in order."""

    def upscale(self, x: X) -> X:
        """Doubles height and width by nearest neighbour."""

    def downscale(self, x: X) -> X:
        """Halves height and width by means of 2x2 pixels."""

    def lerp(self, a: X, b: X, t: float) -> X:
        """Returns a + (b - a) * t."""


def run_generator(G: Generator, lod: Lod, x: X, backend: Backend[X]) -> X:
    """Returns a generator's images at a lod.

    Args:
      x: latents and labels, concatenated: [N, latent_size + label_size].
    """
    top, stages, blocks = G.shape.finest - lod.level, G.table.stages, G.blocks

    def apply(row, x):
        return backend.block(row.name, blocks[row.name], x)

    if G.table.inputs is not None:
        x = apply(G.table.inputs, x)
    coarser = None
    for stage in range(2, top + 1):
        if stage == top and lod.fade is not None:
            coarser = backend.upscale(apply(stages[stage - 1].image, x))
        for row in stages[stage].blocks:
            x = apply(row, x)
    images = apply(stages[top].image, x)
    return images if coarser is None else backend.lerp(images, coarser, float(lod.fade))


def run_discriminator(D: Discriminator, lod: Lod, images: X, backend: Backend[X]) -> X:
    """Returns the scores and logits of images at a lod, concatenated: [N, 1 + label_size]."""
    top, stages, blocks = D.shape.finest - lod.level, D.table.stages, D.blocks

    def apply(row, x):
        return backend.block(row.name, blocks[row.name], x)

    x = apply(stages[top].image, images)
    for stage in range(top, 1, -1):
        for row in stages[stage].blocks:
            x = apply(row, x)
        if stage == top and lod.fade is not None:
            y = apply(stages[stage - 1].image, backend.downscale(images))
            x = backend.lerp(x, y, float(lod.fade))
    return x


def layers_with_biases(block: Block) -> Iterator[tuple[keras.layers.Layer, np.ndarray | None]]:
    """Yields a block's layers, each with the bias [units] to add to its output, or None.

    Convolutions and dense layers of other programs include the bias, so a `Bias` is merged into
    the layer before it. Between a dense layer and its bias, the features may become maps; the
    bias is then repeated for all pixels of a map.
    """
    layers = list(block.layers)
    while layers:
        layer, rest = layers[0], layers[1:]
        if isinstance(layer, WeightedLayer) and rest:
            if isinstance(rest[0], Bias):
                yield layer, rest[0].bias.numpy()
                layers = rest[1:]
                continue
            if len(rest) > 1 and isinstance(rest[0], ChannelMajorToMaps):
                maps, bias = rest[:2]
                if isinstance(bias, Bias):
                    yield layer, bias.bias.numpy().repeat(maps.size**2)
                    yield maps, None
                    layers = rest[2:]
                    continue
        yield layer, None
        layers = rest


def scaled_weight(layer: WeightedLayer) -> np.ndarray:
    """Returns a layer's weight multiplied by its constant c, in float32 (paper, section 4.1)."""
    return (layer.weight.numpy() * layer.scale).astype(np.float32)


def upscaling_kernel(layer: WeightedLayer) -> np.ndarray:
    """Returns the 4x4 kernel of a transposed convolution that equals an `UpscaleConv2D`.

    Nearest-neighbour upscaling is zero insertion and a 2x2 box sum, which is applied to the kernel.
    The convolution has stride 2 and crops one row and column at each side.

    Returns: [4, 4, units, channels].
    """
    return _box(scaled_weight(layer)[::-1, ::-1].transpose(0, 1, 3, 2))


def downscaling_kernel(layer: WeightedLayer) -> np.ndarray:
    """Returns the 4x4 kernel of a convolution that equals a `DownscaleConv2D`.

    The convolution has stride 2 and pads one row and column of zeros at each side.

    Returns: [4, 4, channels, units].
    """
    return 0.25 * _box(scaled_weight(layer))


def _box(kernel: np.ndarray) -> np.ndarray:
    """Sums copies of a kernel [3, 3, ...] shifted by 0 and 1 in both directions: [4, 4, ...]."""
    sides = [(0, 0)] * (kernel.ndim - 2)
    return sum(np.pad(kernel, [(i, 1 - i), (j, 1 - j), *sides]) for i in range(2) for j in range(2))

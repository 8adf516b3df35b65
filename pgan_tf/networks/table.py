"""A network as a table: each stage's blocks, and its block from or to images (section 1)."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import keras

from pgan_tf.layers import Block
from pgan_tf.layers.weighted import WeightedLayer, seed_of

LayerSpec = partial
"""`partial(LayerClass, argument=...)`: a layer's description in a table."""


@dataclass(frozen=True)
class Shape:
    """Numbers that determine the shapes of a network's images and labels.

    Attributes:
      resolution: R, the final resolution, a power of two from 4 up.
      num_channels: number of the images' channels.
      label_size: number of classes; 0 without labels.
    Raises: ValueError for values out of range.
    """

    resolution: int
    num_channels: int
    label_size: int = 0

    def __post_init__(self):
        r = self.resolution
        if r < 4 or r & (r - 1):
            raise ValueError(f"resolution={r}: a power of two from 4 up is needed")
        if self.num_channels < 1 or self.label_size < 0:
            raise ValueError("num_channels must be positive, label_size 0 or positive")

    @property
    def finest(self) -> int:
        """The finest stage, L = log2 R."""
        return self.resolution.bit_length() - 1

    def image_shape(self, stage: int) -> tuple:
        """Returns the shape of images at a stage, [N, 2^stage, 2^stage, channels]."""
        return (None, 2**stage, 2**stage, self.num_channels)


@dataclass(frozen=True)
class BlockRow:
    """A block in a table: its official name, such as `8x8/Conv1`, and its layers in order."""

    name: str
    layers: tuple[LayerSpec, ...]

    def make(self, network: str, seed: int | None, dtype) -> Block:
        """Returns the block, not built yet.

        Args:
          network: the network's name, from which the layers' seeds are derived.
          seed: seed of the network's initial weights.
          dtype: Keras dtype policy of layers whose description has none.
        """
        layers = []
        for number, layer in enumerate(self.layers):
            options = {"name": f"{number}_{layer.func.__name__}".lower(), "dtype": dtype}
            if issubclass(layer.func, WeightedLayer):
                options["seed"] = seed_of(seed, f"{network}/{self.name}")
            layers.append(layer(**{**options, **layer.keywords}))
        return Block(layers, name=self.name.replace("/", "_"), dtype=dtype)


@dataclass(frozen=True)
class StageRow:
    """A stage in a table: feature maps of 2^r x 2^r.

    Attributes:
      blocks: the blocks that features pass through, in order.
      image: the block from features to an image of this size (G), or from an image to features (D).
    """

    blocks: tuple[BlockRow, ...]
    image: BlockRow


@dataclass(frozen=True)
class Table:
    """A generator or a discriminator.

    Attributes:
      stages: r -> row, for r in 2..L.
      inputs: the block that latents and labels, concatenated, pass through first; None without
        such a block, and in a discriminator.
      latent_size: length of the latents; 0 in a discriminator.
    """

    stages: Mapping[int, StageRow]
    inputs: BlockRow | None = None
    latent_size: int = 0


@dataclass(frozen=True)
class Sizes:
    """Counts for one block, from its layers' shapes.

    Attributes:
      parameters: number of values in its variables, trained or not.
      operations: multiplications and additions for one sample.
      output: shape of its output.
    """

    parameters: int
    operations: int
    output: tuple


def sizes_of(row: BlockRow, input_shape: tuple) -> Sizes:
    """Returns a block's counts; only layers without `weight_shapes` and `operations` are built."""
    parameters = products = 0
    shape = input_shape
    for layer in (make(dtype="float32") for make in _without_dtype(row)):
        if hasattr(layer, "weight_shapes"):
            parameters += sum(map(math.prod, layer.weight_shapes(shape).values()))
        elif not hasattr(layer, "operations") and type(layer).build is not keras.layers.Layer.build:
            parameters += _built_parameters(layer, shape)
        products += layer.operations(shape) if hasattr(layer, "operations") else 0
        shape = tuple(layer.compute_output_shape(shape))
    return Sizes(parameters, 2 * products, shape)


def _without_dtype(row: BlockRow) -> Iterator[Callable]:
    """Yields the descriptions of a block's layers, without their dtypes."""
    for layer in row.layers:
        yield partial(layer.func, **{k: v for k, v in layer.keywords.items() if k != "dtype"})


def _built_parameters(layer: keras.layers.Layer, shape: tuple) -> int:
    """Counts the parameters of one of Keras's layers, or a user's, by building it."""
    layer.build(shape)
    return layer.count_params()


def sizes_of_blocks(
    table: Table, shape: Shape, generator: bool, stage: int | None = None
) -> Iterator[tuple[BlockRow, Sizes]]:
    """Yields each block and its counts, in the order in which data pass through them.

    Args:
      table: the network's table.
      shape: shapes of the network's images and labels.
      generator: True for a generator, False for a discriminator.
      stage: only the blocks that images of this stage pass through, not fading; None: all blocks.
    """
    rows = table.stages
    top = shape.finest if stage is None else stage
    if generator:
        features: tuple = (None, table.latent_size + shape.label_size)
        if table.inputs is not None:
            yield table.inputs, (sizes := sizes_of(table.inputs, features))
            features = sizes.output
        for r in range(2, top + 1):
            for row in rows[r].blocks:
                yield row, (sizes := sizes_of(row, features))
                features = sizes.output
            if stage is None or r == top:
                yield rows[r].image, sizes_of(rows[r].image, features)
        return
    for r in range(top, 1, -1):
        image = sizes_of(rows[r].image, shape.image_shape(r))
        if stage is None or r == top:
            yield rows[r].image, image
        features = image.output
        for row in rows[r].blocks:
            yield row, (sizes := sizes_of(row, features))
            features = sizes.output


def count_parameters(table: Table, shape: Shape, generator: bool) -> int:
    """Returns the number of a network's parameters, without making the network."""
    return sum(sizes.parameters for _, sizes in sizes_of_blocks(table, shape, generator))


def count_operations(table: Table, shape: Shape, generator: bool, stage: int) -> int:
    """Returns a network's multiplications and additions for one image of 2^stage pixels.

    Scaling convolutions are counted as the official fused form's 4x4 kernel at the lower
    resolution, so that shares of a machine's peak rate compare with other programs'. Only the
    products of layers with weights are counted; padding counts as pixels.
    """
    return sum(sizes.operations for _, sizes in sizes_of_blocks(table, shape, generator, stage))

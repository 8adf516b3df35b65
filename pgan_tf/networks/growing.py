"""Generator and Discriminator: they build all stages of a table and run at any level of detail."""

import math
from dataclasses import asdict, dataclass

import keras
import tensorflow as tf

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions
from pgan_tf.layers import Block, downscale2d, upscale2d
from pgan_tf.networks import table as tables
from pgan_tf.networks.registry import architecture
from pgan_tf.networks.table import BlockRow, Shape, Table


@dataclass(frozen=True)
class Lod:
    """A level of detail, split into an integer that fixes the graph's shapes and a fraction.

    Attributes:
      level: floor(lod); images are R / 2^level pixels high and wide.
      fade: lod - level, in (0, 1), the weight of the path one level coarser; None when there is
        only one path. May be a tensor.
    """

    level: int
    fade: float | tf.Tensor | None = None

    @classmethod
    def of(cls, lod: "float | Lod") -> "Lod":
        """Splits a number; returns a `Lod` as it is."""
        if isinstance(lod, Lod):
            return lod
        level = math.floor(lod)
        return cls(level, lod - level or None)


def lerp(a: tf.Tensor, b: tf.Tensor, t: float | tf.Tensor) -> tf.Tensor:
    """Returns a + (b - a) * t in the dtype of a."""
    return a + (b - a) * tf.cast(t, a.dtype)


class GrowingNetwork(keras.Model):
    """Base of both networks: their blocks and variables, as the table lists them.

    Attributes:
      shape: shapes of images and labels.
      options: options that the table was made from.
      table: the network's table.
      blocks: official name -> block, in the table's order.
    """

    _OPTIONS: type

    def __init__(
        self,
        resolution: int = 1024,
        num_channels: int = 3,
        label_size: int = 0,
        networks: str = "paper",
        seed: int | None = None,
        lod: float = 0.0,
        name: str | None = None,
        dtype=None,
        **options,
    ):
        super().__init__(autocast=False, name=name, dtype=dtype)
        self.shape = Shape(resolution, num_channels, label_size)
        self.options = self._OPTIONS(**options)
        self.networks = networks
        self.seed = seed
        self.lod = lod
        self.table: Table = self._make_table()
        self.blocks: dict[str, Block] = {}
        self._stage_of: dict[str, int] = {}  # block's name -> stage
        self._image_blocks: dict[int, Block] = {}  # stage -> block from or to images
        self._feature_blocks: dict[int, list[Block]] = {}  # stage -> its other blocks
        self._make_blocks()
        self.built = True

    def _make_table(self) -> Table:
        raise NotImplementedError

    def _make_blocks(self) -> None:
        """Makes and builds all blocks, in the table's order."""
        raise NotImplementedError

    def _add(self, row: BlockRow, stage: int, input_shape: tuple) -> tuple[Block, tuple]:
        """Makes, builds and registers a block; returns it and its output's shape."""
        block = row.make(type(self).__name__, self.seed, self.dtype_policy)
        block.build(input_shape)
        self.blocks[row.name] = block
        self._stage_of[row.name] = stage
        return block, block.compute_output_shape(input_shape)

    @property
    def resolution(self) -> int:
        """R, the final resolution."""
        return self.shape.resolution

    @property
    def num_channels(self) -> int:
        """Number of the images' channels."""
        return self.shape.num_channels

    @property
    def label_size(self) -> int:
        """Number of classes; 0 without labels."""
        return self.shape.label_size

    def lod_of(self, stage: int) -> int:
        """Returns the lod at which images are 2^stage pixels high and wide."""
        return self.shape.finest - stage

    def stage_of_image(self, name: str) -> int | None:
        """Returns the stage of a block from or to images; None for other blocks."""
        for stage, block in self._image_blocks.items():
            if self.blocks[name] is block:
                return stage
        return None

    def check_lod(self, lod: float | Lod | None) -> Lod:
        """Checks and splits a lod; None stands for the network's own.

        Raises: ValueError for a lod that is negative or coarser than 4x4.
        """
        split = Lod.of(self.lod if lod is None else lod)
        coarsest = self.shape.finest - 2
        if split.level < 0 or split.level + (split.fade is not None) > coarsest:
            raise ValueError(
                f"lod={lod}: 0 to {coarsest} are possible at resolution {self.resolution}"
            )
        return split

    def blocks_at(self, level: int, fading: bool) -> list[str]:
        """Returns the names of the blocks that a call at this lod passes through."""
        top = self.shape.finest - level
        images = (top, top - 1) if fading else (top,)
        return [
            name
            for name, stage in self._stage_of.items()
            if stage <= top and self.stage_of_image(name) in (None, *images)
        ]

    def variables_at(self, level: int, fading: bool) -> list[keras.Variable]:
        """Returns the trainable variables that a call at this lod reads, in a fixed order."""
        return self._variables_of(self.blocks_at(level, fading), trainable=True)

    def variables_up_to(self, level: int) -> list[keras.Variable]:
        """Returns the trainable variables of all stages up to this level's, in a fixed order."""
        return self._variables_of(self._blocks_up_to(level), trainable=True)

    def statistics_up_to(self, level: int) -> list[keras.Variable]:
        """Returns the untrained variables (running statistics) of stages up to this level's."""
        return self._variables_of(self._blocks_up_to(level), trainable=False)

    def _blocks_up_to(self, level: int) -> list[str]:
        top = self.shape.finest - level
        return [name for name, stage in self._stage_of.items() if stage <= top]

    def _variables_of(self, names: list[str], trainable: bool) -> list[keras.Variable]:
        return [
            variable
            for name in names
            for _, variable, _ in self.blocks[name].named_variables()
            if variable.trainable == trainable
        ]

    def named_variables(self) -> dict[str, keras.Variable]:
        """Returns official name, such as `8x8/Conv1/weight` -> variable, trained or not."""
        return {
            f"{name}/{part}": variable
            for name, block in self.blocks.items()
            for part, variable, _ in block.named_variables()
        }

    def operations(self, stage: int) -> int:
        """Returns the multiplications and additions for one image; see `table.count_operations`."""
        return tables.count_operations(self.table, self.shape, isinstance(self, Generator), stage)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            **self.arguments(),
        }

    def arguments(self) -> dict:
        """Returns the constructor's arguments without name and dtype, as snapshots hold them."""
        return {
            **asdict(self.shape),
            "networks": self.networks,
            "seed": self.seed,
            "lod": self.lod,
            **asdict(self.options),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.saving.deserialize_keras_object(config["dtype"])
        return cls(**config)


@keras.saving.register_keras_serializable(package="pgan_tf")
class Generator(GrowingNetwork):
    """Makes images from latents (paper, appendix A; section 1).

    Args:
      resolution: R, the final resolution, a power of two from 4 up.
      num_channels: number of the images' channels.
      label_size: length of the one-hot labels; 0 for none.
      networks: name of the registered pair of networks.
      seed: seed of the initial weights.
      lod: the network's own lod, for calls without one; in a snapshot, the lod that training had
        reached.
      options: fields of `GeneratorOptions`.

    Call:
      latents: [N, latent_size], normally N(0, 1).
      labels: [N, label_size], or None when label_size is 0.
      lod: float, or `Lod`; fractional while fading; None for the network's own.
      training: True if layers with running statistics shall use the batch's statistics instead,
        and update their own.
      Returns [N, r, r, num_channels] float32 with r = R / 2^floor(lod), in about [-1, 1].
    Raises: ValueError for arguments out of range.
    """

    _OPTIONS = GeneratorOptions

    def _make_table(self) -> Table:
        table = architecture(self.networks).generator(self.shape, self.options)
        if table.latent_size < 1:
            raise ValueError(f"latent_size={table.latent_size}: a positive number is needed")
        return table

    def _make_blocks(self) -> None:
        features: tuple = (None, self.latent_size + self.label_size)
        self._inputs = None
        if self.table.inputs is not None:
            self._inputs, features = self._add(self.table.inputs, 2, features)
        for stage, row in sorted(self.table.stages.items()):
            self._feature_blocks[stage] = []
            for block_row in row.blocks:
                block, features = self._add(block_row, stage, features)
                self._feature_blocks[stage].append(block)
            self._image_blocks[stage], _ = self._add(row.image, stage, features)

    @property
    def latent_size(self) -> int:
        """Length of a latent."""
        return self.table.latent_size

    def call(self, latents, labels=None, lod=None, training=False):
        lod = self.check_lod(lod)
        top = self.shape.finest - lod.level
        if latents.shape[-1] != self.latent_size:
            raise ValueError(f"latents {latents.shape}: [N, {self.latent_size}] is needed")
        x = tf.cast(latents, tf.float32)
        if self.label_size:
            if labels is None or labels.shape[-1] != self.label_size:
                raise ValueError(f"labels: [N, {self.label_size}] is needed")
            x = tf.concat([x, tf.cast(labels, tf.float32)], axis=1)
        if self._inputs is not None:
            x = self._inputs(x, training=training)
        x = tf.cast(x, self.compute_dtype)
        coarser = None
        for stage in range(2, top + 1):
            if stage == top and lod.fade is not None:
                coarser = upscale2d(self._image_blocks[stage - 1](x, training=training))
            for block in self._feature_blocks[stage]:
                x = block(x, training=training)
        images = tf.cast(self._image_blocks[top](x, training=training), tf.float32)
        if coarser is not None:
            images = lerp(images, tf.cast(coarser, tf.float32), lod.fade)
        return images


@keras.saving.register_keras_serializable(package="pgan_tf")
class Discriminator(GrowingNetwork):
    """Computes scores and class logits from images (paper, appendix A; section 1).

    Args:
      resolution, num_channels, label_size, networks, seed, lod: as for `Generator`.
      options: fields of `DiscriminatorOptions`.

    Call:
      images: [N, r, r, num_channels], r = R / 2^floor(lod), in [-1, 1].
      lod: float, or `Lod`; None for the network's own.
      training: as for `Generator`.
      sets: number of minibatches that the images hold, one after the other. Each has its own
        statistics; the scores are the same as from separate calls, with fewer, larger products.
      Returns (scores [N], logits [N, label_size]), float32.
    Raises: ValueError for arguments out of range.
    """

    _OPTIONS = DiscriminatorOptions

    def _make_table(self) -> Table:
        return architecture(self.networks).discriminator(self.shape, self.options)

    def _make_blocks(self) -> None:
        for stage, row in sorted(self.table.stages.items(), reverse=True):
            image = self.shape.image_shape(stage)
            self._image_blocks[stage], features = self._add(row.image, stage, image)
            self._feature_blocks[stage] = []
            for block_row in row.blocks:
                block, features = self._add(block_row, stage, features)
                self._feature_blocks[stage].append(block)

    def call(self, images, lod=None, training=False, sets=1):
        lod = self.check_lod(lod)
        top = self.shape.finest - lod.level
        expected = self.shape.image_shape(top)[1:]
        if tuple(images.shape[1:]) != expected:
            size, _, channels = expected
            raise ValueError(
                f"images {images.shape}: [N, {size}, {size}, {channels}] is needed at level"
                f" {lod.level}"
            )
        images = tf.cast(images, self.compute_dtype)
        options = {"training": training, "sets": sets}
        x = self._image_blocks[top](images, **options)
        for stage in range(top, 1, -1):
            for block in self._feature_blocks[stage]:
                x = block(x, **options)
            if stage == top and lod.fade is not None:
                y = self._image_blocks[stage - 1](downscale2d(images), **options)
                x = lerp(x, y, lod.fade)
        x = tf.cast(x, tf.float32)
        return x[:, 0], x[:, 1:]

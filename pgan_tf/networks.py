"""Generator and Discriminator: all stages built once, run at any level of detail."""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf

from pgan_tf.layers import (
    ConvDownscale2D,
    EqualizedConv2D,
    EqualizedDense,
    MinibatchStddev,
    PixelNorm,
    UpscaleConv2D,
    downscale2d,
    upscale2d,
)
from pgan_tf.layers.base import seed_of


@dataclass(frozen=True)
class Lod:
    """A level of detail, split into what shapes the graph and what is a number in it.

    Attributes:
      level: floor(lod): images are R / 2^level pixels high and wide.
      fade: lod - level, in (0, 1): weight of the path one level coarser; None when there is
        only one path. May be a tensor.
    """

    level: int
    fade: float | tf.Tensor | None = None

    @classmethod
    def of(cls, lod: "float | Lod") -> "Lod":
        """Splits a number."""
        if isinstance(lod, Lod):
            return lod
        level = math.floor(lod)
        return cls(level, lod - level or None)


def lerp(a: tf.Tensor, b: tf.Tensor, t: float | tf.Tensor) -> tf.Tensor:
    """Returns a + (b - a) * t in the dtype of a."""
    return a + (b - a) * tf.cast(t, a.dtype)


def feature_maps(stage: int, fmap_base: int, fmap_decay: float, fmap_max: int) -> int:
    """nf(s) = min(floor(fmap_base / 2^(s * fmap_decay)), fmap_max) (spec, Notation), at least 1."""
    return max(min(int(fmap_base / 2.0 ** (stage * fmap_decay)), fmap_max), 1)


class GrowingNetwork(keras.Model):
    """What both networks share: the stages, their names, their feature maps.

    Layers are kept by their official local names (spec section 7), such as `8x8/Conv1`.
    """

    def __init__(
        self,
        resolution: int = 1024,
        num_channels: int = 3,
        label_size: int = 0,
        fmap_base: int = 8192,
        fmap_decay: float = 1.0,
        fmap_max: int = 512,
        use_wscale: bool = True,
        fused_scale: bool = True,
        seed: int | None = None,
        lod: float = 0.0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if resolution < 4 or resolution & (resolution - 1):
            raise ValueError(f"resolution={resolution}: a power of two from 4 up is needed")
        if num_channels < 1 or label_size < 0 or fmap_base < 1 or fmap_max < 1:
            raise ValueError("num_channels, fmap_base, fmap_max must be positive")
        self.resolution = resolution
        self.num_channels = num_channels
        self.label_size = label_size
        self.fmap_base = fmap_base
        self.fmap_decay = fmap_decay
        self.fmap_max = fmap_max
        self.use_wscale = use_wscale
        self.fused_scale = fused_scale
        self.seed = seed
        self.lod = lod
        self.stages = int(math.log2(resolution))  # the finest stage: L
        self.named_layers: dict[str, keras.layers.Layer] = {}
        self._stage_of: dict[str, int] = {}

    def nf(self, stage: int) -> int:
        """Number of feature maps; see `feature_maps`."""
        return feature_maps(stage, self.fmap_base, self.fmap_decay, self.fmap_max)

    def add(self, kind, official_name: str, stage: int, input_shape, **kwargs):
        """Makes, builds and keeps the layer with weights called `official_name`."""
        layer = kind(
            use_wscale=self.use_wscale,
            seed=seed_of(self.seed, f"{type(self).__name__}/{official_name}"),
            name=official_name.replace("/", "_"),
            dtype=self.dtype_policy,
            **kwargs,
        )
        layer.build(input_shape)
        self.named_layers[official_name] = layer
        self._stage_of[official_name] = stage

    def lod_of(self, stage: int) -> int:
        """The lod whose images are 2^stage pixels high and wide."""
        return self.stages - stage

    def check_lod(self, lod: float | Lod | None) -> Lod:
        """Splits a lod; None stands for the network's own.

        Raises: ValueError when it is negative or coarser than 4x4.
        """
        split = Lod.of(self.lod if lod is None else lod)
        coarsest = self.stages - 2
        if split.level < 0 or split.level + (split.fade is not None) > coarsest:
            raise ValueError(f"lod={lod}: from 0 to {coarsest} at resolution {self.resolution}")
        return split

    def names_at(self, level: int, fading: bool) -> list[str]:
        """Names of the layers that take part at a lod: the paths that a call walks."""
        stage = self.stages - level
        images = {self.image_layer(stage)} | ({self.image_layer(stage - 1)} if fading else set())
        return [
            name
            for name, of in self._stage_of.items()
            if (name in images if "RGB" in name else of <= stage)
        ]

    def variables_at(self, level: int, fading: bool) -> list[keras.Variable]:
        """Trainable variables that a call at this lod reads, in a fixed order."""
        return self._variables_of(self.names_at(level, fading))

    def variables_up_to(self, level: int) -> list[keras.Variable]:
        """Trainable variables of all stages up to this level's, in a fixed order."""
        stage = self.stages - level
        return self._variables_of([name for name, of in self._stage_of.items() if of <= stage])

    def _variables_of(self, names: list[str]) -> list[keras.Variable]:
        layers = [self.named_layers[name] for name in names]
        return [v for layer in layers for v in (layer.weight, layer.bias)]

    def get_config(self):
        return {
            **super().get_config(),
            "resolution": self.resolution,
            "num_channels": self.num_channels,
            "label_size": self.label_size,
            "fmap_base": self.fmap_base,
            "fmap_decay": self.fmap_decay,
            "fmap_max": self.fmap_max,
            "use_wscale": self.use_wscale,
            "fused_scale": self.fused_scale,
            "seed": self.seed,
            "lod": self.lod,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.saving.deserialize_keras_object(config["dtype"])
        return cls(**config)


@keras.saving.register_keras_serializable(package="pgan_tf")
class Generator(GrowingNetwork):
    """Latents -> images (Appendix A, spec section 1).

    Args:
      resolution: R, the final resolution, a power of two from 4 up.
      num_channels: of the images.
      label_size: length of the one-hot labels; 0 for none.
      latent_size: None for nf(0).
      fmap_base, fmap_decay, fmap_max: numbers of feature maps, see `feature_maps`.
      normalize_latents: scale each latent (with its label) to unit mean square.
      use_wscale: equalized learning rate.
      use_pixelnorm, pixelnorm_epsilon: normalise after each convolution.
      use_leakyrelu: leaky ReLU of slope 0.2, else ReLU.
      fused_scale: which official names and layouts the variables have; the function is the same.
      seed: of the initial weights.
      lod: of calls that name none; in a snapshot, the one that it was trained down to.

    Call:
      latents: [N, latent_size], normally N(0, 1).
      labels: [N, label_size], or None when label_size is 0.
      lod: float, or `Lod`; fractional while fading; None for the network's own.
      Returns [N, r, r, num_channels] float32 with r = R / 2^floor(lod), in about [-1, 1].
    Raises: ValueError for arguments out of range.
    """

    def __init__(
        self,
        resolution: int = 1024,
        num_channels: int = 3,
        label_size: int = 0,
        latent_size: int | None = None,
        normalize_latents: bool = True,
        use_pixelnorm: bool = True,
        pixelnorm_epsilon: float = 1e-8,
        use_leakyrelu: bool = True,
        **kwargs,
    ):
        super().__init__(resolution, num_channels, label_size, **kwargs)
        self.latent_size = self.nf(0) if latent_size is None else latent_size
        if self.latent_size < 1:
            raise ValueError(f"latent_size={latent_size}: a positive number is needed")
        self.normalize_latents = normalize_latents
        self.use_pixelnorm = use_pixelnorm
        self.pixelnorm_epsilon = pixelnorm_epsilon
        self.use_leakyrelu = use_leakyrelu
        activation = "leaky_relu" if use_leakyrelu else "relu"
        self.norm = PixelNorm(pixelnorm_epsilon, dtype=self.dtype_policy)

        for stage in range(2, self.stages + 1):
            size, maps = 2**stage, self.nf(stage - 1)
            name = f"{size}x{size}"
            if stage == 2:
                inputs = (None, self.latent_size + label_size)
                gain = math.sqrt(2) / 4  # the official one, for the 4x4 that follows
                self.add(
                    EqualizedDense, f"{name}/Dense", stage, inputs,
                    units=maps, positions=16, gain=gain, activation=activation,
                )  # fmt: skip
                last = f"{name}/Conv"
            else:
                first = f"{name}/Conv0_up" if self.fused_scale else f"{name}/Conv0"
                self.add(
                    UpscaleConv2D, first, stage, (None, size // 2, size // 2, self.nf(stage - 2)),
                    units=maps, activation=activation,
                )  # fmt: skip
                last = f"{name}/Conv1"
            shape = (None, size, size, maps)
            self.add(EqualizedConv2D, last, stage, shape, units=maps, activation=activation)
            self.add(
                EqualizedConv2D, self.image_layer(stage), stage, shape,
                units=num_channels, kernel_size=1, gain=1.0, activation=None,
            )  # fmt: skip
        self.built = True

    def image_layer(self, stage: int) -> str:
        """Official name of the layer from features to images of 2^stage pixels."""
        return f"ToRGB_lod{self.lod_of(stage)}"

    def call(self, latents, labels=None, lod=None):
        split = self.check_lod(lod)
        level, fade = split.level, split.fade
        top = self.stages - level
        if latents.shape[-1] != self.latent_size:
            raise ValueError(f"latents {latents.shape}: [N, {self.latent_size}] is needed")
        x = tf.cast(latents, tf.float32)
        if self.label_size:
            if labels is None or labels.shape[-1] != self.label_size:
                raise ValueError(f"labels: [N, {self.label_size}] is needed")
            x = tf.concat([x, tf.cast(labels, tf.float32)], axis=1)
        if self.normalize_latents:
            x = PixelNorm.call(self.norm, x)  # in float32 whatever the compute dtype
        x = tf.cast(x, self.compute_dtype)

        coarser = None
        for stage in range(2, top + 1):
            if stage == top and fade is not None:
                coarser = upscale2d(self.named_layers[self.image_layer(stage - 1)](x))
            for name in self._layers_of(stage):
                x = self.named_layers[name](x)
                if name == "4x4/Dense":
                    x = tf.reshape(x, [-1, 4, 4, x.shape[-1]])
                if self.use_pixelnorm:
                    x = self.norm(x)
        images = self.named_layers[self.image_layer(top)](x)
        images = tf.cast(images, tf.float32)
        if fade is not None:
            images = lerp(images, tf.cast(coarser, tf.float32), fade)
        return images

    def _layers_of(self, stage: int) -> list[str]:
        size = 2**stage
        if stage == 2:
            return ["4x4/Dense", "4x4/Conv"]
        first = "Conv0_up" if self.fused_scale else "Conv0"
        return [f"{size}x{size}/{first}", f"{size}x{size}/Conv1"]

    def get_config(self):
        return {
            **super().get_config(),
            "latent_size": self.latent_size,
            "normalize_latents": self.normalize_latents,
            "use_pixelnorm": self.use_pixelnorm,
            "pixelnorm_epsilon": self.pixelnorm_epsilon,
            "use_leakyrelu": self.use_leakyrelu,
        }


@keras.saving.register_keras_serializable(package="pgan_tf")
class Discriminator(GrowingNetwork):
    """Images -> scores and class logits (Appendix A, spec section 1).

    Args:
      resolution, num_channels, label_size, fmap_*, use_wscale, seed, lod: as for `Generator`.
      mbstd_group_size: group of the minibatch stddev; less than 2 for none.
      fused_scale: downscale before bias and activation (TensorFlow presets) or after them
        (the paper): two different networks.

    Call:
      images: [N, r, r, num_channels], r = R / 2^floor(lod), in [-1, 1].
      lod: float, or `Lod`; None for the network's own.
      sets: the images are so many minibatches, one after the other, each with a minibatch
        stddev of its own: the same scores as from as many calls, in fewer, larger products.
      Returns (scores [N], logits [N, label_size]), float32.
    Raises: ValueError for arguments out of range.
    """

    def __init__(
        self,
        resolution: int = 1024,
        num_channels: int = 3,
        label_size: int = 0,
        mbstd_group_size: int = 4,
        **kwargs,
    ):
        super().__init__(resolution, num_channels, label_size, **kwargs)
        self.mbstd_group_size = mbstd_group_size
        self.stddev = None
        if mbstd_group_size > 1:
            self.stddev = MinibatchStddev(mbstd_group_size, dtype=self.dtype_policy)

        for stage in range(self.stages, 1, -1):
            size, maps, coarser = 2**stage, self.nf(stage - 1), self.nf(stage - 2)
            name, shape = f"{size}x{size}", (None, size, size, maps)
            self.add(
                EqualizedConv2D, self.image_layer(stage), stage,
                (None, size, size, num_channels), units=maps, kernel_size=1,
            )  # fmt: skip
            if stage > 2:
                self.add(EqualizedConv2D, f"{name}/Conv0", stage, shape, units=maps)
                last = f"{name}/Conv1_down" if self.fused_scale else f"{name}/Conv1"
                self.add(ConvDownscale2D, last, stage, shape, units=coarser, fused=self.fused_scale)
            else:
                channels = maps + (self.stddev is not None)
                self.add(EqualizedConv2D, f"{name}/Conv", stage, (None, 4, 4, channels), units=maps)
                self.add(EqualizedDense, f"{name}/Dense0", stage, (None, 16 * maps), units=coarser)
                self.add(
                    EqualizedDense, f"{name}/Dense1", stage, (None, coarser),
                    units=1 + label_size, gain=1.0, activation=None,
                )  # fmt: skip
        self.built = True

    def image_layer(self, stage: int) -> str:
        """Official name of the layer from images of 2^stage pixels to features."""
        return f"FromRGB_lod{self.lod_of(stage)}"

    def call(self, images, lod=None, sets=1):
        split = self.check_lod(lod)
        level, fade = split.level, split.fade
        top = self.stages - level
        wanted = (2**top, 2**top, self.num_channels)
        if tuple(images.shape[1:]) != wanted:
            raise ValueError(f"images {images.shape}: [N, {wanted}] is needed at lod {lod}")
        images = tf.cast(images, self.compute_dtype)
        x = self.named_layers[self.image_layer(top)](images)
        for stage in range(top, 2, -1):
            name = f"{2**stage}x{2**stage}"
            x = self.named_layers[f"{name}/Conv0"](x)
            x = self.named_layers[f"{name}/Conv1_down" if self.fused_scale else f"{name}/Conv1"](x)
            if stage == top and fade is not None:
                y = self.named_layers[self.image_layer(stage - 1)](downscale2d(images))
                x = lerp(x, y, fade)
        if self.stddev is not None:
            x = self.stddev(x, sets=sets)
        x = self.named_layers["4x4/Conv"](x)
        x = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, 16 * x.shape[-1]])  # channel-major
        x = self.named_layers["4x4/Dense0"](x)
        x = tf.cast(self.named_layers["4x4/Dense1"](x), tf.float32)
        return x[:, 0], x[:, 1:]

    def get_config(self):
        return {**super().get_config(), "mbstd_group_size": self.mbstd_group_size}

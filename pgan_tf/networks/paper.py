"""The paper's networks (appendix A; section 1), with options that turn parts of them off."""

import math
from functools import partial

from pgan_tf.config import DiscriminatorOptions, GeneratorOptions
from pgan_tf.layers import (
    Bias,
    ChannelMajorToMaps,
    Downscale2D,
    DownscaleConv2D,
    EqualizedConv2D,
    EqualizedDense,
    LeakyReLU,
    MapsToChannelMajor,
    MinibatchStddev,
    PixelNorm,
    UpscaleConv2D,
)
from pgan_tf.networks.registry import Architecture, register
from pgan_tf.networks.table import BlockRow, Shape, StageRow, Table


def feature_maps(stage: int, fmap_base: int, fmap_decay: float, fmap_max: int) -> int:
    """Returns nf(stage), the number of feature maps, at least 1 (section "Notation").

    nf(s) = min(floor(fmap_base / 2^(s * fmap_decay)), fmap_max)

    Raises: ValueError for a base or a maximum that is not positive.
    """
    if fmap_base < 1 or fmap_max < 1:
        raise ValueError("fmap_base, fmap_max must be positive")
    return max(min(int(fmap_base / 2.0 ** (stage * fmap_decay)), fmap_max), 1)


def generator(shape: Shape, o: GeneratorOptions) -> Table:
    """Returns the generator's table; see `GeneratorOptions`."""

    def nf(stage: int) -> int:
        return feature_maps(stage, o.fmap_base, o.fmap_decay, o.fmap_max)

    def pixel_norm(**options) -> partial:
        return partial(PixelNorm, epsilon=o.pixelnorm_epsilon, **options)

    after_weights = [partial(Bias), partial(LeakyReLU, slope=0.2 if o.use_leakyrelu else 0.0)]
    after_weights += [pixel_norm()] if o.use_pixelnorm else []

    def block(name: str, *weights: partial) -> BlockRow:
        return BlockRow(name, (*weights, *after_weights))

    def conv(name: str, maps: int) -> BlockRow:
        return block(name, partial(EqualizedConv2D, units=maps, use_wscale=o.use_wscale))

    def to_rgb(stage: int) -> BlockRow:
        weights = partial(
            EqualizedConv2D, units=shape.num_channels, kernel_size=1, gain=1.0,
            use_wscale=o.use_wscale,
        )  # fmt: skip
        return BlockRow(f"ToRGB_lod{shape.finest - stage}", (weights, partial(Bias)))

    # A dense layer makes the 4x4 maps; its gain is the official one.
    dense = partial(
        EqualizedDense, units=16 * nf(1), gain=math.sqrt(2) / 4, use_wscale=o.use_wscale
    )
    first = block("4x4/Dense", dense, partial(ChannelMajorToMaps, size=4))
    stages = {2: StageRow((first, conv("4x4/Conv", nf(1))), to_rgb(2))}
    for stage in range(3, shape.finest + 1):
        size, maps = f"{2**stage}x{2**stage}", nf(stage - 1)
        # One layer upscales and convolves, for both layouts of the weight in official files.
        up = partial(UpscaleConv2D, units=maps, transposed=o.fused_scale, use_wscale=o.use_wscale)
        upscaling = block(f"{size}/Conv0{'_up' if o.fused_scale else ''}", up)
        stages[stage] = StageRow((upscaling, conv(f"{size}/Conv1", maps)), to_rgb(stage))

    # Latents are normalised in float32 whatever the compute type.
    norm = BlockRow("latents", (pixel_norm(dtype="float32"),)) if o.normalize_latents else None
    return Table(stages, norm, latent_size=nf(0) if o.latent_size is None else o.latent_size)


def discriminator(shape: Shape, o: DiscriminatorOptions) -> Table:
    """Returns the discriminator's table; see `DiscriminatorOptions`."""

    def nf(stage: int) -> int:
        return feature_maps(stage, o.fmap_base, o.fmap_decay, o.fmap_max)

    def conv(name: str, maps: int, *before: partial, **options) -> BlockRow:
        weights = partial(EqualizedConv2D, units=maps, use_wscale=o.use_wscale, **options)
        return BlockRow(name, (*before, weights, partial(Bias), partial(LeakyReLU)))

    def from_rgb(stage: int) -> BlockRow:
        return conv(f"FromRGB_lod{shape.finest - stage}", nf(stage - 1), kernel_size=1)

    def downscaling(size: str, maps: int) -> BlockRow:
        if o.fused_scale:  # downscales before bias and activation: a different function
            weights = partial(DownscaleConv2D, units=maps, use_wscale=o.use_wscale)
            return BlockRow(f"{size}/Conv1_down", (weights, partial(Bias), partial(LeakyReLU)))
        row = conv(f"{size}/Conv1", maps)
        return BlockRow(row.name, (*row.layers, partial(Downscale2D)))

    stages = {}
    for stage in range(shape.finest, 2, -1):
        size = f"{2**stage}x{2**stage}"
        blocks = conv(f"{size}/Conv0", nf(stage - 1)), downscaling(size, nf(stage - 2))
        stages[stage] = StageRow(blocks, from_rgb(stage))

    has_stddev = o.mbstd_group_size > 1
    stddev = [partial(MinibatchStddev, group_size=o.mbstd_group_size)] if has_stddev else []
    dense0 = partial(EqualizedDense, units=nf(0), use_wscale=o.use_wscale)
    dense1 = partial(EqualizedDense, units=1 + shape.label_size, gain=1.0, use_wscale=o.use_wscale)
    last = (
        conv("4x4/Conv", nf(1), *stddev),
        BlockRow("4x4/Dense0", (partial(MapsToChannelMajor), dense0, partial(Bias),
                                partial(LeakyReLU))),
        BlockRow("4x4/Dense1", (dense1, partial(Bias))),
    )  # fmt: skip
    stages[2] = StageRow(last, from_rgb(2))
    return Table(stages)


PAPER = register(Architecture("paper", generator, discriminator))

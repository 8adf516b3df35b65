"""A new pair of networks needs one file, such as this one with batch and layer norm.

The pair trains, is saved, and continues to the same bits. Running statistics are in Gs and in
the snapshot. No file of the program mentions it.
"""

import re
from functools import partial

import keras
import numpy as np
import pytest
from run_files import arrays_of, assert_same

from pgan_tf import load_snapshot
from pgan_tf.config import override, resolve
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.inference import synthesize
from pgan_tf.layers import (
    Bias,
    ChannelMajorToMaps,
    Downscale2D,
    EqualizedConv2D,
    EqualizedDense,
    LeakyReLU,
    MapsToChannelMajor,
    Upscale2D,
)
from pgan_tf.networks import Architecture, Generator, register
from pgan_tf.networks import table as tables
from pgan_tf.networks.registry import architecture
from pgan_tf.networks.table import BlockRow, StageRow, Table
from pgan_tf.runtime import Runtime
from pgan_tf.schedule import Phase
from pgan_tf.train import train
from pgan_tf.training.setup import build_networks
from pgan_tf.training.step import DiscriminatorBatch, GeneratorBatch, TrainStep

MAPS = 6


def generator(shape, options):
    norm = partial(keras.layers.BatchNormalization, momentum=0.9)
    after = (norm, partial(LeakyReLU, slope=0.3))
    conv = partial(EqualizedConv2D, units=MAPS, use_wscale=False)
    image = (
        partial(EqualizedConv2D, units=shape.num_channels, kernel_size=1, gain=1.0),
        partial(Bias), partial(keras.layers.Activation, activation="tanh"),
    )  # fmt: skip
    dense = partial(EqualizedDense, units=16 * MAPS)
    stages = {}
    for r in range(2, shape.finest + 1):
        first = (dense, partial(ChannelMajorToMaps)) if r == 2 else (partial(Upscale2D), conv)
        blocks = BlockRow(f"{r}/First", (*first, *after)), BlockRow(f"{r}/Second", (conv, *after))
        stages[r] = StageRow(blocks, BlockRow(f"Image{r}", image))
    return Table(stages, latent_size=5)


def discriminator(shape, options):
    conv = partial(EqualizedConv2D, units=MAPS)
    after = (partial(Bias), partial(LeakyReLU))
    image = (partial(EqualizedConv2D, units=MAPS, kernel_size=1), *after)
    stages = {}
    for r in range(2, shape.finest + 1):
        blocks = [BlockRow(f"{r}/Conv", (conv, partial(keras.layers.LayerNormalization), *after))]
        if r > 2:
            blocks.append(BlockRow(f"{r}/Down", (partial(Downscale2D),)))
        else:
            last = partial(EqualizedDense, units=1 + shape.label_size, gain=1.0)
            blocks.append(BlockRow("Scores", (partial(MapsToChannelMajor), last, partial(Bias))))
        stages[r] = StageRow(tuple(blocks), BlockRow(f"Image{r}", image))
    return Table(stages)


TOY = register(Architecture("toy", generator, discriminator))


@pytest.fixture(scope="module")
def toy_config(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "noise"
    with DatasetWriter(path, 8, 1) as writer:
        writer.add(np.random.RandomState(0).randint(0, 256, [24, 1, 8, 8]).astype(np.uint8))
    return resolve(
        {
            "name": "toy", "networks": "toy", "data.path": str(path), "train.xla": False,
            "schedule.lod_training_kimg": 0.032, "schedule.lod_transition_kimg": 0.032,
            "schedule.minibatch_base": 8, "train.total_kimg": 0.128,
            "train.minibatch_repeats": 1, "train.smoothing": 0.9,
        }
    )  # fmt: skip


@pytest.mark.slow
def test_an_own_architecture_trains_and_continues_to_the_same_bits(toy_config, tmp_path):
    whole = train(toy_config, tmp_path / "whole")
    half = train(override(toy_config, {"train.total_kimg": 0.064}), tmp_path / "parts")
    assert train(toy_config, tmp_path / "parts") == half
    a, b = arrays_of(whole), arrays_of(half)
    assert_same(a, b)

    for name in ("moving_mean", "moving_variance"):
        for network in ("G", "Gs"):
            for block in ("2/First", "3/Second"):
                value = a[f"{network}/{block}/{name}"]
                assert np.abs(value - (name == "moving_variance")).max() > 1e-3  # not initial
                # Gs has G's statistics from before G's last step, which moved them by a tenth.
                assert np.abs(value - a[f"G/{block}/{name}"]).max() < np.abs(value).max()
    assert np.abs(a["Gs/3/Second/gamma"] - a["G/3/Second/gamma"]).max() > 0
    assert {"D/3/Conv/gamma", "D/3/Conv/beta"} <= a.keys()

    loaded = load_snapshot(whole)
    assert loaded.Gs.networks == "toy"
    latents = np.random.RandomState(1).randn(6, 5).astype(np.float32)
    images = synthesize(loaded.Gs, latents).numpy()
    assert images.shape == (6, 8, 8, 1) and np.abs(images).max() < 1
    # With running statistics, an image doesn't depend on the rest of its batch.
    np.testing.assert_allclose(synthesize(loaded.Gs, latents[:1]), images[:1], atol=1e-6)
    assert np.abs(loaded.Gs(latents, training=True) - images).max() > 1e-4


def test_counts_follow_from_the_table(toy_config):
    G = Generator(8, 1, networks="toy")
    assert tables.count_parameters(G.table, G.shape, True) == G.count_params()
    # Multiplications for an 8x8 image: dense, three 3x3 convolutions, one 1x1.
    conv = 9 * MAPS * MAPS
    products = 5 * 16 * MAPS + 16 * conv + 2 * 64 * conv + 64 * MAPS
    assert G.operations(3) == 2 * products  # multiplications and additions


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=re.escape("networks='toi': choose from ")) as error:
        architecture("toi")
    assert "did you mean 'toy'?" in str(error.value)


def test_running_statistics_are_averaged_over_replicas():
    runtime = Runtime.start(2)
    config = resolve({"networks": "toy", "train.xla": False})
    with runtime.strategy.scope():
        G, D, Gs = build_networks(config, 4, 1, 0)
    step = TrainStep(G, D, Gs, config, runtime)
    rs, none = np.random.RandomState(0), np.zeros([8, 0], np.float32)
    reals = rs.randint(0, 256, [8, 4, 4, 1]).astype(np.uint8)
    latents = rs.randn(2, 8, 5).astype(np.float32)
    d = DiscriminatorBatch(reals, none, latents[0], rs.rand(8).astype("f4"), np.zeros(8, bool))
    copies = []  # for each replica, a new G that sees its share of the D step's latents
    for part in np.split(latents[0], 2):
        copy = build_networks(config, 4, 1, 0)[0]
        copy(part, training=True)
        copies.append(copy.named_variables()["2/First/moving_mean"].numpy())
    step([d], GeneratorBatch(latents[1], none), Phase(0, 0.0, 4, 8, 0.0, 0.0, 1.0))
    np.testing.assert_allclose(
        Gs.named_variables()["2/First/moving_mean"], np.mean(copies, axis=0), atol=1e-6
    )
    a, b = runtime.copies(G.named_variables()["2/First/moving_mean"].value)
    np.testing.assert_array_equal(a, b)

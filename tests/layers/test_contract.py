"""Every layer keeps to one contract, and refuses impossible arguments and inputs."""

from functools import partial

import numpy as np
import pytest
from layer_contract import check_layer

from pgan_tf import layers
from pgan_tf.layers import weighted

MAPS = (4, 4, 6, 3)


def block(dtype):
    """Returns a block of a convolution with the layers that may surround it."""
    return layers.Block(
        [
            layers.MinibatchStddev(2, dtype=dtype),
            layers.EqualizedConv2D(5, seed=1, dtype=dtype),
            layers.Bias(dtype=dtype),
            layers.LeakyReLU(dtype=dtype),
            layers.PixelNorm(1e-4, dtype=dtype),
        ],
        dtype=dtype,
    )


CASES = {
    "conv": (partial(layers.EqualizedConv2D, 5, seed=1), MAPS, (4, 4, 6, 5), ["weight"]),
    "conv1x1": (
        partial(layers.EqualizedConv2D, 5, kernel_size=1, gain=1.0, use_wscale=False, seed=1),
        MAPS, (4, 4, 6, 5), ["weight"],
    ),
    "upscale": (partial(layers.UpscaleConv2D, 5, seed=1), MAPS, (4, 8, 12, 5), ["weight"]),
    "downscale": (partial(layers.DownscaleConv2D, 5, seed=1), MAPS, (4, 2, 3, 5), ["weight"]),
    "dense": (partial(layers.EqualizedDense, 5, seed=1), (4, 6), (4, 5), ["weight"]),
    "bias": (layers.Bias, MAPS, MAPS, ["bias"]),
    "leaky_relu": (layers.LeakyReLU, MAPS, MAPS, []),
    "relu": (partial(layers.LeakyReLU, slope=0.0), MAPS, MAPS, []),
    "pixel_norm": (partial(layers.PixelNorm, epsilon=1e-4), MAPS, MAPS, []),
    "stddev": (partial(layers.MinibatchStddev, group_size=2), MAPS, (4, 4, 6, 4), []),
    "to_maps": (partial(layers.ChannelMajorToMaps, size=2), (4, 12), (4, 2, 2, 3), []),
    "to_vector": (layers.MapsToChannelMajor, MAPS, (4, 72), []),
    "upscale2d": (layers.Upscale2D, MAPS, (4, 8, 12, 3), []),
    "downscale2d": (layers.Downscale2D, MAPS, (4, 2, 3, 3), []),
    "block": (block, MAPS, (4, 4, 6, 5), ["weight", "bias"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_layer_keeps_the_contract(case):
    check_layer(*CASES[case])


def test_every_layer_has_a_contract_case():
    kinds = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    tried = {type(make(dtype="float32")) for make, *_ in CASES.values()}
    assert tried == kinds


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.EqualizedConv2D(0),
        lambda: layers.EqualizedConv2D(3, kernel_size=2),
        lambda: layers.EqualizedConv2D(3, gain=0.0),
        lambda: layers.EqualizedConv2D(3)(np.zeros([1, 3], np.float32)),
        lambda: layers.UpscaleConv2D(3, kernel_size=5),
        lambda: layers.DownscaleConv2D(3, kernel_size=1),
        lambda: layers.DownscaleConv2D(3)(np.zeros([1, 5, 5, 1], np.float32)),
        lambda: layers.EqualizedDense(3)(np.zeros([1, 2, 3], np.float32)),
        lambda: layers.LeakyReLU(1.5),
        lambda: layers.PixelNorm(0.0),
        lambda: layers.MinibatchStddev(1),
        lambda: layers.MinibatchStddev(4)(np.zeros([6, 4, 4, 1], np.float32)),
        lambda: layers.ChannelMajorToMaps(0),
        lambda: layers.ChannelMajorToMaps(4)(np.zeros([1, 10], np.float32)),
        lambda: layers.Downscale2D()(np.zeros([1, 3, 4, 1], np.float32)),
        lambda: layers.Block([]),
        lambda: layers.Block([layers.Bias(), layers.Bias()]).build((None, 3)),
    ],
)
def test_impossible_arguments_and_inputs_are_refused(make):
    with pytest.raises(ValueError, match=r"needed|halved|groups|share a name"):
        make()


def test_initial_weights_have_the_he_scale():
    shape = (None, 4, 4, 512)
    for use_wscale in (True, False):
        layer = layers.EqualizedConv2D(256, use_wscale=use_wscale, seed=3)
        layer.build(shape)
        he = np.sqrt(2 / (9 * 512))
        assert layer.weight.numpy().std() == pytest.approx(1 if use_wscale else he, rel=0.01)
        assert layer.scale * layer.weight.numpy().std() == pytest.approx(he, rel=0.01)


def test_seeds_of_layers_are_stable_and_differ():
    assert weighted.seed_of(None, "a") is None
    assert weighted.seed_of(1000, "Generator/4x4/Conv") == 2086155060
    assert len({weighted.seed_of(s, n) for s in (0, 1) for n in ("a", "b")}) == 4

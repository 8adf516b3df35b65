"""Networks, losses and gradients against the official program's numbers."""

import math
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config import LossOptions
from pgan_tf.losses import DiscriminatorInputs, GeneratorInputs, make_loss
from pgan_tf.networks import Discriminator, Generator, Lod, from_official, to_official

CASES = ("net_rgb32", "net_gray16_cond")
UNDECIDED = {  # case -> layer and channel; see `decided`
    "net_gray16_cond": ("16x16/Conv1", 3),
    "net_rgb32": ("16x16/Conv0", 9),
}


class Case:
    """A golden case: its arrays, and two networks with its weights."""

    def __init__(self, golden, name):
        self.name = name
        self.arrays = golden(f"{name}.npz")
        cfg = golden(f"{name}.json")["cfg"]
        shape = {k: cfg[k] for k in ("resolution", "num_channels", "label_size")}
        self.G, self.D = Generator(**shape, **cfg["G"]), Discriminator(**shape, **cfg["D"])
        for prefix, network in (("G/", self.G), ("D/", self.D)):
            from_official(network, self.part(prefix))
        self.labels = self.arrays["labels"] if cfg["label_size"] else None
        self.loss_lods = sorted(
            {float(k.split("/")[1][3:]) for k in self.arrays if k.startswith("loss/")}
        )

    def part(self, prefix):
        return {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}


@pytest.fixture(scope="module", params=CASES)
def case(request, golden):
    return Case(golden, request.param)


def nhwc(images):
    return np.ascontiguousarray(np.transpose(images, [0, 2, 3, 1]))


def resize(images, size):
    """Resizes NHWC images to size x size: nearest neighbour up, box filter down."""
    n, r, _, c = images.shape
    if size > r:
        return images.repeat(size // r, axis=1).repeat(size // r, axis=2)
    return images.reshape(n, size, r // size, size, r // size, c).mean(axis=(2, 4))


def test_images_equal_the_official_ones_at_every_lod(case):
    for lod in case.arrays["lods"].tolist():
        images = case.G(case.arrays["latents"], case.labels, lod=lod).numpy()
        assert images.shape[1] == case.G.resolution // 2 ** int(lod)
        expected = nhwc(case.arrays[f"out/G/lod{lod:.3f}"])
        np.testing.assert_allclose(resize(images, case.G.resolution), expected, rtol=0, atol=2e-5)


def test_scores_equal_the_official_ones_at_every_lod(case):
    for lod in case.arrays["lods"].tolist():
        images = resize(nhwc(case.arrays["images"]), case.D.resolution // 2 ** int(lod))
        scores, logits = case.D(images, lod=lod)
        expected = case.arrays[f"out/D_scores/lod{lod:.3f}"][:, 0]
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)
        expected = case.arrays[f"out/D_labels/lod{lod:.3f}"]
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


@pytest.fixture
def decided(case):
    """The case, with a bias lowered so that one ambiguous activation is negative.

    In net_gray16_cond at lod 0, a pre-activation of D's 16x16/Conv1 is +4.7e-7 in float64, among
    sums of a few units; float32 has rounding errors up to 4e-6. The official program computed
    it below 0, where the leaky ReLU's slope is 0.2 instead of 1. This changes gradients by 2e-3
    of the largest. In net_rgb32 at lod 1.6, a pre-activation of 16x16/Conv0 is +1.2e-7 or below
    0, depending on the order of the sums. This changes them by 3e-4, but only without
    tf.function. The bias is lowered by less than the rounding error.
    """
    layer, channel = UNDECIDED[case.name]
    bias = case.D.named_variables()[f"{layer}/bias"]
    before = bias.numpy()
    bias.assign(before - 2e-6 * (np.arange(len(before)) == channel))
    yield case
    bias.assign(before)


@pytest.mark.parametrize(
    "jit",
    [
        pytest.param(None, id="eager"),
        pytest.param(False, id="plain", marks=pytest.mark.slow),
        pytest.param(True, id="xla", marks=pytest.mark.slow),
    ],
)
def test_losses_and_gradients_equal_the_official_ones(decided, jit):
    # Tolerances are relative to the largest term, because scores near 0 have few exact digits.
    case, a = decided, decided.arrays
    loss_of = make_loss(LossOptions())

    def both(reals, lod):
        with tf.GradientTape() as tape:
            inputs = DiscriminatorInputs(
                reals, case.labels, a["latents_D"], a["mixing"][:, 0, 0, 0]
            )
            d = loss_of.discriminator(case.G, case.D, inputs, lod)
            loss = tf.reduce_mean(d["loss"])
        d_grads = tape.gradient(loss, [v.value for v in case.D.trainable_variables])
        with tf.GradientTape() as tape:
            inputs = GeneratorInputs(a["latents_G"], case.labels)
            g = loss_of.generator(case.G, case.D, inputs, lod)
            loss = tf.reduce_mean(g["loss"])
        g_grads = tape.gradient(loss, [v.value for v in case.G.trainable_variables])
        return d, d_grads, g, g_grads

    for lod in case.loss_lods:
        golden = case.part(f"loss/lod{lod:.3f}/")
        run = partial(both, lod=lod)
        if jit is not None:
            run = tf.function(run, jit_compile=jit)
        d, d_grads, g, g_grads = run(nhwc(golden["reals"]))

        for key in ("real_scores", "fake_scores", "mixed_scores", "mixed_norms",
                    "epsilon_penalty", "label_penalty_reals", "label_penalty_fakes"):  # fmt: skip
            assert (key in d) == (key in golden)
            if key in d:
                expected = golden[key].reshape(-1)
                np.testing.assert_allclose(
                    d[key], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max(), err_msg=key
                )
        np.testing.assert_allclose(np.mean(d["loss"]), golden["D_loss"].mean(), rtol=1e-5)
        np.testing.assert_allclose(np.mean(g["loss"]), golden["G_loss"].mean(), rtol=1e-5)

        for network, grads, prefix in ((case.D, d_grads, "grad_D/"), (case.G, g_grads, "grad_G/")):
            expected = case.part(f"loss/lod{lod:.3f}/{prefix}")
            seen = as_official(network, grads)
            assert seen.keys() == expected.keys() - {"lod"}
            for name, value in seen.items():
                bound = 2e-4 * np.abs(expected[name]).max()
                np.testing.assert_allclose(value, expected[name], rtol=0, atol=bound, err_msg=name)


def as_official(network, values):
    """Returns values of trainable variables under official names and layouts; None is zeros."""
    clone = type(network).from_config(network.get_config())
    for variable, value in zip(clone.trainable_variables, values, strict=True):
        variable.assign(tf.zeros(variable.shape) if value is None else value)
    return to_official(clone)


def test_official_names_round_trip(case):
    official = {k: v for k, v in case.part("G/").items() if k != "lod"}
    back = to_official(case.G)
    assert back.keys() == official.keys()
    for name, value in official.items():
        np.testing.assert_array_equal(back[name], value)


def test_wrong_official_variables_change_nothing(case):
    before = to_official(case.D)
    bad = {**before, "extra": np.zeros(3), "4x4/Conv/bias": np.zeros(3)}
    del bad["4x4/Dense1/bias"]
    with pytest.raises(
        ValueError, match="4x4/Dense1/bias is missing; extra is not in the network; 4x4/Conv"
    ):
        from_official(case.D, bad)
    for name, value in to_official(case.D).items():
        np.testing.assert_array_equal(value, before[name])


def test_parameter_counts_equal_the_official_ones():
    G, D = Generator(1024), Discriminator(1024)
    assert G.count_params() == 23_079_115
    assert D.count_params() == 23_087_249


def test_networks_survive_keras_saving(case, tmp_path):
    for network in (case.G, case.D):
        path = tmp_path / f"{type(network).__name__}.keras"
        network.save(path)
        loaded = keras.saving.load_model(path)
        assert loaded.get_config() == network.get_config()
        for name, value in to_official(network).items():
            np.testing.assert_array_equal(to_official(loaded)[name], value)
        if network is case.G:
            np.testing.assert_array_equal(
                loaded(case.arrays["latents"], case.labels, lod=0.5),
                network(case.arrays["latents"], case.labels, lod=0.5),
            )


def test_variables_at_a_lod_are_exactly_those_with_gradients(case):
    G = case.G
    for level, fading in ((0, False), (0, True), (1, False), (1, True), (2, False)):
        with tf.GradientTape() as tape:
            lod = Lod(level, 0.3 if fading else None)
            loss = tf.reduce_sum(tf.abs(G(case.arrays["latents"], case.labels, lod=lod)))
        grads = tape.gradient(loss, [v.value for v in G.trainable_variables])
        touched = {
            v.path for v, g in zip(G.trainable_variables, grads, strict=True) if g is not None
        }
        assert touched == {v.path for v in G.variables_at(level, fading)}


def test_initial_weights_come_from_the_seed():
    nets = [Generator(16, fmap_base=64, fmap_max=16, seed=s) for s in (3, 3, 4)]
    a, b, c = (to_official(n) for n in nets)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        if name.endswith("weight"):
            assert np.abs(a[name] - c[name]).max() > 0.1
    assert np.abs(a["8x8/Conv1/weight"] - a["4x4/Conv/weight"]).max() > 0.1


@pytest.mark.parametrize("use_wscale", [True, False])
def test_equalized_and_plain_start_at_the_same_scale(use_wscale):
    G = Generator(8, fmap_base=512, fmap_max=128, use_wscale=use_wscale, seed=1)
    layer = G.blocks["4x4/Conv"].layers[0]
    effective = layer.weight.numpy() * layer.scale
    assert effective.std() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)
    assert layer.weight.numpy().std() == pytest.approx(
        1.0 if use_wscale else math.sqrt(2 / (9 * 128)), rel=0.02
    )


@pytest.mark.parametrize("lod", [-0.5, 3.1, 4])
def test_refuses_a_lod_out_of_range(lod):
    with pytest.raises(ValueError, match="lod"):
        Generator(32, fmap_base=64, fmap_max=8)(np.zeros([2, 8]), lod=lod)


def test_float16_stays_near_float32(case):
    half = Generator.from_config({**case.G.get_config(), "dtype": "mixed_float16"})
    from_official(half, to_official(case.G))
    for lod in (0.0, 0.5):
        full = case.G(case.arrays["latents"], case.labels, lod=lod)
        images = half(case.arrays["latents"], case.labels, lod=lod)
        assert images.dtype == tf.float32
        # Numbers of eleven bits, through about ten layers.
        assert np.abs(full - images).max() < 0.02 * np.abs(full).max()

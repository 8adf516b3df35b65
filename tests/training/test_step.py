"""The training step against the official program's trajectory, and over two replicas."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.config import resolve
from pgan_tf.networks import Discriminator, Generator, from_official, to_official
from pgan_tf.runtime import Runtime
from pgan_tf.schedule import Phase
from pgan_tf.training.step import (
    DiscriminatorBatch,
    GeneratorBatch,
    TrainStep,
    optimizer_is_reset,
    process_reals,
)

ONE = Runtime(tf.distribute.get_strategy())


def make(runtime, options=None, **shape):
    """Returns the training step of small networks; without XLA by default, to save seconds."""
    shape = {"resolution": 16, "num_channels": 3, "fmap_base": 128, "fmap_max": 16, **shape}
    latent_size = shape.pop("latent_size", 16)
    config = resolve({"train.xla": False, **(options or {})})
    dtype = {"fp16": "mixed_float16", "bf16": "mixed_bfloat16"}.get(
        config.train.precision, "float32"
    )
    with runtime.strategy.scope():
        G = Generator(latent_size=latent_size, seed=1, dtype=dtype, **shape)
        D = Discriminator(seed=2, dtype=dtype, **shape)
        Gs = Generator(latent_size=latent_size, seed=1, dtype=dtype, **shape)
        return TrainStep(G, D, Gs, config, runtime)


def batches(n, resolution=16, channels=3, labels=0, latent_size=16, seed=0):
    """Returns a D batch and a G batch of random numbers."""
    rs = np.random.RandomState(seed)

    def one_hot():
        return np.eye(labels, dtype=np.float32)[rs.randint(0, labels, n)] if labels else empty

    empty = np.zeros([n, 0], np.float32)
    d = DiscriminatorBatch(
        reals=rs.randint(0, 256, [n, resolution, resolution, channels]).astype(np.uint8),
        labels=one_hot(),
        latents=rs.randn(n, latent_size).astype(np.float32),
        mixing=rs.rand(n).astype(np.float32),
        flips=rs.rand(n) < 0.5,
    )
    return d, GeneratorBatch(rs.randn(n, latent_size).astype(np.float32), one_hot())


def phase(lod, resolution=16, rate=1e-3):
    return Phase(0, lod, resolution // 2 ** int(lod), 16, rate, rate, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("xla", [False, True], ids=["plain", "xla"])
def test_follows_the_official_trajectory(golden, xla):
    a, info = golden("trajectory.npz"), golden("trajectory.json")
    step = make(ONE, {"train.smoothing": info["G_smoothing"], "train.xla": xla})
    networks = {"G": step.G, "D": step.D, "Gs": step.Gs}
    for name, network in networks.items():
        prefix = f"init/{name}/"
        from_official(network, {k[len(prefix) :]: v for k, v in a.items() if k.startswith(prefix)})

    lods = info["lods"]
    for i, lod in enumerate(lods):
        if i and optimizer_is_reset(lods[i - 1], lod):
            step.reset_optimizers()
        s = f"step{i:02d}/"
        assert np.float32(lod) == a[s + "lod"].astype(np.float32)
        reals = a[s + "reals"].transpose(0, 2, 3, 1)
        n = len(reals)
        no_flips, no_labels = np.zeros(n, bool), np.zeros([n, 0], np.float32)

        seen = process_reals(reals, no_flips, np.float32(lod % 1) if lod % 1 else None)
        expected = a[s + "reals_processed"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-6)

        d = DiscriminatorBatch(
            reals, no_labels, a[s + "latents_D"], a[s + "mixing"].reshape(-1), no_flips
        )
        rate = float(a[s + "lrate"])
        step([d], GeneratorBatch(a[s + "latents_G"], no_labels), phase(lod, rate=rate))
        report = step.take_report()
        for key in ("D_loss", "G_loss"):
            np.testing.assert_allclose(report[key], a[s + key].mean(), rtol=2e-4, err_msg=s + key)

        if i in (0, 2, 5, 11):
            for name, network in networks.items():
                prefix = f"after{i:02d}/{name}/"
                wanted = {k[len(prefix) :]: v for k, v in a.items() if k.startswith(prefix)}
                official = to_official(network)
                assert official.keys() == wanted.keys() - {"lod"}
                error = np.concatenate([np.abs(official[k] - wanted[k]).ravel() for k in official])
                assert np.quantile(error, 0.999) <= 1e-5
                assert error.max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "xla"),
    [
        (3, False),
        (0, False),
        (3, True),
    ],
)
def test_two_replicas_of_8_train_like_one_of_16(labels, xla):
    # Groups of four samples, strided by N/4, stay within a replica if the halves of the batch
    # interleave: sample g*4+m of sixteen is sample g*2+m%2 of replica m//2.
    shape = {"label_size": labels, "resolution": 8, "fmap_max": 12}
    one = make(ONE, {"train.xla": xla}, **shape)
    two = make(Runtime.start(2), {"train.xla": xla}, **shape)
    order = np.array([g * 4 + r * 2 + m for r in range(2) for g in range(4) for m in range(2)])
    assert sorted(order) == list(range(16))

    for i, lod in enumerate((0.5,) if xla else (0.0, 0.5)):
        d, g = batches(16, 8, labels=labels, seed=i)
        now = phase(lod, 8)
        one([d], g, now)
        two([type(d)(*(x[order] for x in d))], type(g)(*(x[order] for x in g)), now)
        a, b = one.take_report(), two.take_report()
        for key in a:
            assert a[key] == pytest.approx(b[key], rel=1e-5, abs=1e-6), key
        for x, y in ((one.G, two.G), (one.D, two.D), (one.Gs, two.Gs)):
            u, v = to_official(x), to_official(y)
            # Adam's first steps have the size of the rate whatever the gradient, so a gradient of
            # pure rounding noise may move a weight either way.
            error = np.concatenate([np.abs(u[k] - v[k]).ravel() for k in u])
            assert np.quantile(error, 0.999) <= 1e-5 and error.max() <= 2.1e-3
        for variable in two.G.trainable_variables:
            p, q = two.runtime.copies(variable.value)
            np.testing.assert_array_equal(p, q)


@pytest.mark.slow
def test_each_stage_and_fade_is_traced_once():
    step = make(ONE, fmap_max=4, resolution=8)
    for lod in (1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0):
        d, g = batches(4, 8 // 2 ** int(lod))
        step([d], g, phase(lod, 8, rate=1e-3 + lod))
    programs = step._programs
    assert sorted(programs) == [(0, False), (0, True), (1, False)]
    assert all(p.experimental_get_tracing_count() == 1 for p in programs.values())


@pytest.mark.slow
def test_non_finite_gradients_change_nothing_and_are_counted():
    step = make(ONE)
    d, g = batches(8)
    step([d], g, phase(0.0))
    step.take_report()
    before = [to_official(n) for n in (step.G, step.D)]
    state = {k: v.numpy() for k, v in step.state().items()}

    bad = d._replace(latents=np.full_like(d.latents, np.nan))
    for count in (1, 2):
        step([bad], g._replace(latents=bad.latents), phase(0.0))
        assert step.skipped_in_a_row() == count
    for network, arrays in zip((step.G, step.D), before, strict=True):
        for name, value in to_official(network).items():
            np.testing.assert_array_equal(value, arrays[name])
    for name, variable in step.state().items():
        if "skipped" not in name:
            np.testing.assert_array_equal(variable, state[name])
    report = step.take_report()
    assert report["D_skipped"] == report["G_skipped"] == 2
    step([d], g, phase(0.0))
    assert step.skipped_in_a_row() == 0
    assert np.isfinite(step.take_report()["D_loss"])


def test_adam_follows_the_formula():
    options = {"optimizer.beta1": 0.5, "optimizer.beta2": 0.9, "optimizer.epsilon": 1e-3}
    for extra in ({}, {"optimizer.beta1": 0.0}):
        step = make(ONE, {**options, **extra})
        o, adam = step.config.optimizer, step.G_adam
        variable = step.G.named_variables()["4x4/Conv/weight"]
        w = variable.numpy().astype(np.float64)
        m = v = 0.0
        rs = np.random.RandomState(0)
        for t in (1, 2, 3):
            gradient = rs.randn(*w.shape).astype(np.float32)
            adam.update([variable], [tf.constant(gradient)], tf.constant(0.01), lambda x: x)
            m = o.beta1 * m + (1 - o.beta1) * gradient
            v = o.beta2 * v + (1 - o.beta2) * gradient.astype(np.float64) ** 2
            rate = 0.01 * np.sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
            w -= rate * m / (np.sqrt(v) + o.epsilon)
            np.testing.assert_allclose(variable.numpy(), w, rtol=0, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_trains_near_float32(precision):
    full = make(ONE)
    half = make(
        ONE,
        {"train.precision": precision, "G.pixelnorm_epsilon": 1e-8},
    )
    d, g = batches(8)
    reports = []
    for step in (full, half):
        if precision == "fp16" and step is half:
            step.D_adam.log2_scale.assign(10.0)
            step.G_adam.log2_scale.assign(10.0)
        step([d], g, phase(0.5))
        reports.append(step.take_report())
    a, b = reports
    assert b["D_skipped"] == b["G_skipped"] == 0
    digits = {"fp16": 0.02, "bf16": 0.1}[precision]
    for key in ("D_loss", "gradient_penalty", "mixed_norms"):
        assert b[key] == pytest.approx(a[key], rel=digits), key
    assert b["fake_scores"] == pytest.approx(a["fake_scores"], abs=digits)
    assert all(v.dtype == "float32" for v in half.G.trainable_variables)


@pytest.mark.slow
def test_fp16_scale_falls_on_overflow_and_rises_slowly():
    step = make(ONE, {"train.precision": "fp16"})
    d, g = batches(8)
    scales = []
    for _ in range(80):
        step([d], g, phase(0.0, rate=0.0))
        report = step.take_report()
        scales.append(report["D_log2_scale"])
        if report["skipped_in_a_row"] == 0:
            break
    assert scales[0] == 63.0  # from 64, after an overflow
    falls = np.diff(scales[:-1])
    np.testing.assert_allclose(falls, -1.0)
    assert max(report["D_skipped"], report["G_skipped"]) == len(scales) - 1
    before = step.take_report()["D_log2_scale"]
    step([d], g, phase(0.0, rate=0.0))
    assert step.take_report()["D_log2_scale"] - before in (
        pytest.approx(0.0005, abs=1e-5), pytest.approx(-1.0, abs=1e-5),
    )  # fmt: skip


@pytest.mark.slow
def test_smoothing_by_half_life_suits_the_minibatch():
    step = make(
        ONE,
        {"train.smoothing_half_life_kimg": 0.008, "train.smoothing": 0.5},
    )
    before = to_official(step.Gs)
    from_official(step.G, {k: v + 1.0 for k, v in to_official(step.G).items()})
    d, g = batches(8)
    step([d], g, phase(0.0))  # 8 images are a half life: Gs moves half of the way
    for name, value in to_official(step.Gs).items():
        if not name.startswith("ToRGB") or "lod0" in name:
            np.testing.assert_allclose(value, before[name] + 0.5, atol=1e-5)

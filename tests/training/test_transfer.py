"""Starting a training from trained networks."""

import numpy as np
import pytest
from made_up import noise, write_dataset

from pgan_tf import load_snapshot, train
from pgan_tf.config import resolve
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator, to_official
from pgan_tf.run import Run
from pgan_tf.snapshots import save_snapshot
from pgan_tf.training.transfer import start_from

SHAPE = {"fmap_base": 32, "fmap_max": 8}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "network-snapshot-000012.npz"
    networks = Generator(8, **SHAPE), Discriminator(8, **SHAPE), Generator(8, **SHAPE, seed=5)
    save_snapshot(path, *networks, resolve({}), 12_000, 0.0)
    return path


def test_a_higher_resolution_keeps_the_coarser_layers(snapshot):
    source = load_snapshot(snapshot)
    G, D, Gs = Generator(16, **SHAPE), Discriminator(16, **SHAPE), Generator(16, **SHAPE)
    fresh = to_official(G)["16x16/Conv1/weight"]
    line = start_from(snapshot, G, D, Gs)
    assert line.startswith(f"started from {snapshot}: ") and "the others are random" in line
    latents = np.random.RandomState(0).randn(3, 8).astype(np.float32)
    for ours, theirs in ((G, source.G), (Gs, source.Gs)):
        np.testing.assert_array_equal(ours(latents, lod=1.0), theirs(latents, lod=0.0))
    images = source.G(latents)
    np.testing.assert_array_equal(D(images, lod=1.0)[0], source.D(images)[0])
    np.testing.assert_array_equal(to_official(G)["16x16/Conv1/weight"], fresh)


def test_networks_with_nothing_in_common_are_refused(snapshot):
    other = {"fmap_base": 64, "fmap_max": 16}
    networks = Generator(8, 1, 2, **other), Discriminator(8, 1, 2, **other), Generator(8, 1, 2)
    with pytest.raises(UserError, match="none of its layers has the shapes"):
        start_from(snapshot, *networks)


@pytest.mark.slow
def test_init_option_starts_at_the_snapshots_resolution(snapshot, tmp_path, tiny):
    write_dataset(tmp_path / "data", noise(20, 16))
    names = ("G.fmap_base", "G.fmap_max", "D.fmap_base", "D.fmap_max")
    options = {n: tiny[n] for n in names} | {
        "schedule.minibatch_base": 8, "schedule.minibatch_dict": "{}", "train.xla": "false",
        "train.total_kimg": "0.008",
    }  # fmt: skip
    sets = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    argv = ["--data-dir", str(tmp_path / "data"), "--results", str(tmp_path / "results"), *sets]
    train.main([*argv, "--init", str(snapshot)])
    (path,) = (tmp_path / "results").iterdir()
    run = Run(path)
    assert run.config.train.init == str(snapshot)
    assert run.config.schedule.lod_initial_resolution == 8
    assert run.ticks[0].resolution == 8  # not 4
    assert "started from" in (path / "log.txt").read_text()
    # After an iteration, the weights are still near those of the snapshot.
    trained, source = to_official(load_snapshot(path).G), to_official(load_snapshot(snapshot).G)
    name = "8x8/Conv1/weight"
    assert np.abs(trained[name] - source[name]).max() < 0.01

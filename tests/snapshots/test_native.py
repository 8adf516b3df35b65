"""Snapshots of this program: round trips, earlier versions, damage."""

import numpy as np
import pytest
from run_files import SNAPSHOT, rewrite

from pgan_tf import load_snapshot
from pgan_tf.config import resolve
from pgan_tf.config import saved as config_saved
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator, to_official
from pgan_tf.snapshots import parts, save_snapshot
from pgan_tf.snapshots.archive import load_arrays

SHAPE = {"resolution": 8, "label_size": 2, "fmap_base": 32, "fmap_max": 8}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A snapshot's path, and its networks by name."""
    path = tmp_path_factory.mktemp("snapshot") / "network-snapshot-000012.npz"
    G, Gs, D = Generator(seed=1, **SHAPE), Generator(seed=2, **SHAPE), Discriminator(**SHAPE)
    save_snapshot(path, G, D, Gs, resolve({}), 12_345, 0.5, ["cat", "dog"])
    return path, {"G": G, "D": D, "Gs": Gs}


def test_a_snapshot_round_trips(saved):
    path, networks = saved
    loaded = load_snapshot(path)
    assert (loaded.nimg, loaded.kimg, loaded.lod) == (12_345, 12.345, 0.5)
    assert loaded.class_names == ("cat", "dog") and loaded.config == resolve({})
    for name, network in networks.items():
        mine, theirs = to_official(network), to_official(getattr(loaded, name))
        assert mine.keys() == theirs.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key])
        assert getattr(loaded, name).arguments() == {**network.arguments(), "lod": 0.5}


def test_a_snapshot_of_the_first_version_is_read(saved, tmp_path):
    path, _ = saved
    arrays, meta = load_arrays(path, *SNAPSHOT)
    old = {k: v for k, v in meta.items() if k != "class_names"}
    old["networks"] = {
        n: {**{k: v for k, v in a.items() if k != "networks"}, "name": "generator_3"}
        for n, a in meta["networks"].items()
    }
    rewrite(tmp_path / "x.npz", arrays, {**old, "format": 1})
    loaded = load_snapshot(tmp_path / "x.npz")
    assert loaded.class_names == ("0", "1") and loaded.Gs.networks == "paper"
    latents, labels = np.ones([1, 8], np.float32), np.eye(2, dtype=np.float32)[:1]
    np.testing.assert_array_equal(
        loaded.Gs(latents, labels), load_snapshot(path).Gs(latents, labels)
    )
    rewrite(tmp_path / "x.npz", arrays, {**meta, "format": 9})
    with pytest.raises(
        UserError, match=r"another version of this program: its format is .pgan_tf sn"
    ):
        load_snapshot(tmp_path / "x.npz")


def test_renamed_and_removed_options_are_not_damage(saved, tmp_path, monkeypatch):
    path, _ = saved
    arrays, meta = load_arrays(path, *SNAPSHOT)
    monkeypatch.setitem(config_saved.RENAMED, "G.maps", "G.fmap_max")
    monkeypatch.setattr(config_saved, "REMOVED", frozenset({"G.colour", "train.colour"}))
    G = {k: v for k, v in meta["networks"]["G"].items() if k != "fmap_max"}
    G |= {"maps": 8, "colour": 3}
    networks = {**meta["networks"], "G": G}
    config = {**meta["config"], "train": {**meta["config"]["train"], "colour": 1}}
    rewrite(tmp_path / "x.npz", arrays, {**meta, "networks": networks, "config": config})
    assert load_snapshot(tmp_path / "x.npz").G.options.fmap_max == 8
    newer = {**networks, "G": {**G, "mood": 1}}
    rewrite(tmp_path / "x.npz", arrays, {**meta, "networks": newer})
    with pytest.raises(UserError, match="options that this version doesn't know: mood; it may be"):
        load_snapshot(tmp_path / "x.npz")


def test_networks_larger_than_their_weights_are_refused(saved, tmp_path):
    arrays, meta = load_arrays(saved[0], *SNAPSHOT)
    for change in (
        {"fmap_base": 2**40, "fmap_max": 2**30}, {"latent_size": 2**40}, {"resolution": 2**60},
        {"label_size": 2**30},
    ):  # fmt: skip
        networks = {**meta["networks"], "G": {**meta["networks"]["G"], **change}}
        rewrite(tmp_path / "x.npz", arrays, {**meta, "networks": networks})
        with pytest.raises(UserError, match=r"x\.npz .*larger than its weights"):
            load_snapshot(tmp_path / "x.npz")


def test_incomplete_snapshots_are_refused(saved, tmp_path):
    arrays, meta = load_arrays(saved[0], *SNAPSHOT)
    config = {**meta["config"], "train": {**meta["config"]["train"], "seed": "x"}}
    rewrite(tmp_path / "x.npz", arrays, {**meta, "config": config})
    with pytest.raises(UserError, match=r"x\.npz .*train\.seed='x'"):
        load_snapshot(tmp_path / "x.npz")
    unknown = {**meta["networks"], "G": {**meta["networks"]["G"], "networks": "papr"}}
    for change in (
        {"config": None}, {"nimg": -1}, {"nimg": True}, {"lod": "x"}, {"networks": []},
        {"networks": unknown}, {"class_names": 3},
    ):  # fmt: skip
        rewrite(tmp_path / "x.npz", arrays, {**meta, **change})
        with pytest.raises(UserError, match=r"x\.npz is not a whole snapshot: .*"):
            load_snapshot(tmp_path / "x.npz")
    huge = {name: array.astype("f8") * 1e300 for name, array in arrays.items()}
    rewrite(tmp_path / "x.npz", huge, meta)
    with pytest.raises(UserError, match="not all finite"):
        load_snapshot(tmp_path / "x.npz")
    np.savez_compressed(tmp_path / "y.npz", **arrays, big=np.zeros(2**24))
    with pytest.raises(UserError, match="declares more than it holds"):
        load_snapshot(tmp_path / "y.npz")


def test_out_of_memory_is_not_reported_as_damage(saved, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(parts, "from_official", exhausted)
    with pytest.raises(MemoryError):
        load_snapshot(saved[0])

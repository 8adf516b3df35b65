"""Snapshots of this program."""

import numpy as np
import pytest
from run_files import SNAPSHOT, rewrite

from pgan_tf import load_snapshot
from pgan_tf.errors import UserError
from pgan_tf.run import newest_snapshot
from pgan_tf.snapshots.archive import load_arrays


def test_networks_larger_than_their_weights_take_no_memory(whole, tmp_path):
    arrays, meta = load_arrays(newest_snapshot(whole), *SNAPSHOT)
    for change in (
        {"fmap_base": 2**40, "fmap_max": 2**30}, {"latent_size": 2**40}, {"resolution": 2**60},
        {"label_size": 2**30},
    ):  # fmt: skip
        networks = {**meta["networks"], "G": {**meta["networks"]["G"], **change}}
        rewrite(tmp_path / "x.npz", arrays, {**meta, "networks": networks})
        with pytest.raises(UserError, match=r"x\.npz .*larger than its weights"):
            load_snapshot(tmp_path / "x.npz")
    config = {**meta["config"], "train": {**meta["config"]["train"], "seed": "x"}}
    rewrite(tmp_path / "x.npz", arrays, {**meta, "config": config})
    with pytest.raises(UserError, match=r"x\.npz .*train\.seed='x'"):
        load_snapshot(tmp_path / "x.npz")
    for change in ({"config": None}, {"nimg": -1}, {"nimg": True}, {"lod": "x"}, {"networks": []}):
        rewrite(tmp_path / "x.npz", arrays, {**meta, **change})
        with pytest.raises(UserError, match=r"x\.npz is not a whole snapshot: .*"):
            load_snapshot(tmp_path / "x.npz")
    huge = {name: array * 1e300 for name, array in ((k, v.astype("f8")) for k, v in arrays.items())}
    rewrite(tmp_path / "x.npz", huge, meta)
    with pytest.raises(UserError, match="no finite numbers"):
        load_snapshot(tmp_path / "x.npz")
    np.savez_compressed(tmp_path / "y.npz", **arrays, big=np.zeros(2**24))
    with pytest.raises(UserError, match="declares more than it holds"):
        load_snapshot(tmp_path / "y.npz")

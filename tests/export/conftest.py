"""Snapshots of small untrained networks, with labels and without."""

import numpy as np
import pytest

from pgan_tf import load_snapshot
from pgan_tf.config import Config
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.snapshots import save_snapshot

COMMON = {"resolution": 16, "fmap_base": 64, "fmap_max": 8}
KINDS = {
    "labels": {"num_channels": 3, "label_size": 3, "mbstd_group_size": 2},
    "plain": {
        "num_channels": 1, "use_leakyrelu": False, "use_wscale": False, "fused_scale": False,
        "mbstd_group_size": 1,
    },
}  # fmt: skip


def write_snapshot(path, lod, names=None, **arguments):
    """Writes a snapshot of networks with random biases; returns its path."""
    own = {**COMMON, **arguments}
    group = own.pop("mbstd_group_size")
    relu = {"use_leakyrelu": own.pop("use_leakyrelu", True)}
    G, Gs = (Generator(**own, **relu, seed=seed) for seed in (1, 2))
    D = Discriminator(**own, mbstd_group_size=group, seed=3)
    random = np.random.RandomState(4)
    for network in (G, D, Gs):
        for name, variable in network.named_variables().items():
            if name.endswith("bias"):
                variable.assign(random.randn(*variable.shape) * 0.3)
    names = names or [f"class {k}" for k in range(own.get("label_size", 0))]
    save_snapshot(path, G, D, Gs, Config(), 5000, lod, names)
    return path


@pytest.fixture(scope="session", params=KINDS)
def snapshot(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "network-snapshot-000005.npz"
    write_snapshot(path, 0.0, **KINDS[request.param])
    return load_snapshot(path)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """A loaded snapshot with labels, while 16x16 fades in."""
    path = tmp_path_factory.mktemp("labelled") / "network-snapshot-000005.npz"
    return load_snapshot(write_snapshot(path, 0.6, **KINDS["labels"]))

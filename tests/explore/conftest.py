"""A small labelled generator, and servers for it."""

import pytest
from explorer_server import running

from pgan_tf import load_snapshot
from pgan_tf.config import Config
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.snapshots import save_snapshot

SHAPE = {"resolution": 8, "fmap_base": 64, "fmap_max": 8, "label_size": 3}


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    """The path of an untrained snapshot with three classes."""
    path = tmp_path_factory.mktemp("results") / "000-x" / "network-snapshot-000012.npz"
    path.parent.mkdir()
    G, Gs, D = Generator(seed=1, **SHAPE), Generator(seed=2, **SHAPE), Discriminator(**SHAPE)
    save_snapshot(path, G, D, Gs, Config(), 12_345, 0.5, ["<i>", "cat", "dog"])
    return path


@pytest.fixture(scope="session")
def loaded(path):
    return load_snapshot(path)


@pytest.fixture(scope="session")
def served(loaded):
    """A server without a token."""
    with running(loaded) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(loaded):
    """A server with a token."""
    with running(loaded, token="the token") as server:
        yield server

"""A small data set of noise, and a run of small untrained networks on it."""

import numpy as np

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.snapshots import save_snapshot


def write_dataset(path, resolution=16, channels=3, n=60):
    """Writes a data set of noise; returns its path."""
    shape = (n, channels, resolution, resolution)
    with DatasetWriter(path, resolution, channels) as target:
        target.add(np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8))
    return path


def write_run(results, number, data, snapshots=((1000, 1.0), (2000, 0.0)), mirror=True):
    """Writes a run with snapshots of (nimg, lod); returns its path."""
    path = results / f"{number:03d}-test"
    path.mkdir(parents=True)
    shape = {"resolution": 16, "num_channels": 3, "fmap_base": 64, "fmap_max": 16}
    config = config_module.override(
        Config(), {"data.path": str(data), "data.mirror": mirror, "data.command": "the command"}
    )
    for nimg, lod in snapshots:
        networks = [kind(**shape, seed=nimg) for kind in (Generator, Discriminator, Generator)]
        save_snapshot(
            path / f"network-snapshot-{nimg // 1000:06d}.npz", *networks, config, nimg, lod
        )
    return path

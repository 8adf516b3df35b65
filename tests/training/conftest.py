"""Tiny runs that the tests of training share."""

import numpy as np
import pytest

from pgan_tf.config import override, resolve
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.train import train

OPTIONS = {
    "name": "tiny",
    "data.mirror": True,
    "data.labels": True,
    "G.fmap_base": 32,
    "G.fmap_max": 8,
    "D.fmap_base": 32,
    "D.fmap_max": 8,
    "schedule.lod_training_kimg": 0.06,
    "schedule.lod_transition_kimg": 0.06,
    "schedule.minibatch_base": 8,
    "schedule.tick_kimg_base": 0.064,
    "schedule.tick_kimg_dict": {},
    "train.total_kimg": 0.24,
    "train.minibatch_repeats": 3,
    "train.network_snapshot_ticks": 1,
    "train.xla": False,
}


@pytest.fixture(scope="session")
def tiny():
    """Options of a tiny run, without a data set."""
    return dict(OPTIONS)


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """The options with a data set of 40 labelled images."""
    path = tmp_path_factory.mktemp("data") / "shapes"
    images = np.random.RandomState(0).randint(0, 256, [40, 3, 8, 8]).astype(np.uint8)
    with DatasetWriter(path, 8, 3) as writer:
        writer.add(images)
        writer.set_labels(np.eye(4, dtype=np.float32)[np.arange(40) % 4])
    return resolve({**OPTIONS, "data.path": str(path)})


@pytest.fixture(scope="session")
def small(config):
    """The options at 4x4 only: one program is traced instead of three."""
    return override(config, {"data.resolution": 4})


@pytest.fixture(scope="session")
def whole(config, tmp_path_factory):
    """The directory of a run that was never interrupted."""
    return train(config, str(tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="session")
def half(small, tmp_path_factory):
    """The results directory of an unfinished run at 4x4."""
    results = tmp_path_factory.mktemp("half")
    options = {"train.keep_snapshots": 1, "train.total_kimg": 0.128}
    train(override(small, options), str(results))
    return results

"""A snapshot with classes, and a run with pictures."""

import json
from functools import partial

import numpy as np
import pytest

from pgan_tf import pictures
from pgan_tf import run as run_module
from pgan_tf.config import Config, override, to_json
from pgan_tf.film import growth, walk
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.snapshots import save_snapshot

SHAPE = {"resolution": 16, "label_size": 3, "fmap_base": 64, "fmap_max": 16}
SHADES = (10, 90, 170, 250)
NIMGS = (0, 1000, 2500, 8000)


@pytest.fixture(autouse=True)
def not_compiled_by_xla(monkeypatch):
    """Turns XLA off: compiling would take longer than everything else."""
    for module in (walk, growth):
        monkeypatch.setattr(module, "Synthesis", partial(Synthesis, xla=False))


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory):
    """The path of a snapshot of untrained networks at 16x16 with 3 classes."""
    path = tmp_path_factory.mktemp("snapshot") / "network-snapshot-000001.npz"
    G, Gs, D = Generator(seed=1, **SHAPE), Generator(seed=2, **SHAPE), Discriminator(**SHAPE)
    save_snapshot(path, G, D, Gs, Config(), 1000, 0.0)
    return path


@pytest.fixture
def run(tmp_path):
    """The directory of a run; each picture, 4x3 images of 16x16, is of one shade."""
    path = tmp_path / "results" / "004-shades"
    path.mkdir(parents=True)
    config = override(Config(), {"data.path": str(tmp_path / "gone"), "data.resolution": 16})
    (path / run_module.CONFIG).write_text(to_json(config))
    with open(path / run_module.STATS, "w") as file:
        for k, nimg in enumerate(NIMGS[1:]):
            record = {
                "tick": k + 1, "nimg": nimg, "lod": 2.0 - k, "resolution": 4 << k, "minibatch": 8,
                "time": nimg * 2.0, "images_per_sec": 0.5,
            }  # fmt: skip
            print(json.dumps(record), file=file)
    for nimg, shade in zip(NIMGS, SHADES, strict=True):
        picture = np.full((48, 64, 3), shade, np.uint8)
        pictures.save_png(picture, path / run_module.fakes_name(nimg))
    pictures.save_png(np.full((48, 64, 3), [200, 0, 0], np.uint8), path / run_module.REALS)
    return path

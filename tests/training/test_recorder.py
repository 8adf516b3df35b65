"""Only the chief writes; all workers train alike."""

import inspect

import numpy as np

from pgan_tf.config import override
from pgan_tf.data.opening import open_dataset
from pgan_tf.networks import to_official
from pgan_tf.runtime import Runtime
from pgan_tf.training import identity
from pgan_tf.training.loop import Loop
from pgan_tf.training.opening import open_run
from pgan_tf.training.recorder import ChiefRecorder, Recorder


class Counting:
    """A callback that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __getattr__(self, name):
        def count(*_):
            self.calls += 1
            return {} if name == "at_tick" else None

        return count


class NotChief(Runtime):
    """A worker that takes whole minibatches, but is not the chief."""

    is_chief = False


def train_on(kind, config, results):
    """Trains on a kind of runtime; returns the loop, the files it wrote, and its callback."""
    callback = Counting()
    dataset = open_dataset(config.data)
    facts = identity.facts_of(dataset)
    runtime = kind(Runtime.start(1).strategy)
    with open_run(results, config, facts) as run:
        before = {path.name for path in run.directory.path.iterdir()}
        with Loop(config, runtime, dataset, facts, run, [callback]) as loop:
            loop.run()
        return loop, {path.name for path in run.directory.path.iterdir()} - before, callback


def test_another_worker_trains_the_same_networks_and_writes_nothing(small, tmp_path, capsys):
    config = override(small, {"train.total_kimg": 0.064})
    chief, written, callback = train_on(Runtime, config, tmp_path / "chief")
    assert {"log.txt", "stats.jsonl", "reals.png", "network-snapshot-000000-064.npz"} <= written
    assert callback.calls >= 4 and "tick 1" in capsys.readouterr().out

    other, written, callback = train_on(NotChief, config, tmp_path / "other")
    assert not written and callback.calls == 0 and capsys.readouterr().out == ""
    assert other.finished and other.position.nimg == 64
    ours, theirs = to_official(chief.Gs), to_official(other.Gs)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(theirs[name], array)


def test_the_chief_records_whatever_another_worker_is_asked_to():
    def methods(of):
        return {n: inspect.signature(m) for n, m in vars(of).items() if callable(m) and n[0] != "_"}

    assert methods(Recorder) == methods(ChiefRecorder)

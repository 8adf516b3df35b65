"""How batches are split over replicas and workers."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.data.dataset import Dataset
from pgan_tf.errors import UserError
from pgan_tf.runtime import Runtime
from pgan_tf.training import feed


def worker(rank, world, replicas):
    """Returns the runtime of one of several workers, with a stand-in for its strategy."""
    return Runtime(SimpleNamespace(num_replicas_in_sync=replicas), rank, world)


def test_one_machine_splits_batches_over_its_replicas():
    runtime = Runtime.start(2)
    assert (runtime.replicas, runtime.local_replicas, runtime.is_chief) == (2, 2, True)
    assert str(runtime) == "2 CPUs" and str(Runtime.start(1)) == "the CPU"
    assert runtime.share(6) == slice(0, 6)
    assert runtime.agree(True) is True and runtime.agree(False) is False
    a, b = runtime.copies(runtime.distribute(np.arange(6)))
    np.testing.assert_array_equal(a, [0, 1, 2])
    np.testing.assert_array_equal(b, [3, 4, 5])
    for split in (runtime.share, lambda n: runtime.distribute(np.zeros(n))):
        with pytest.raises(ValueError, match="a batch of 5 over 2 replicas"):
            split(5)
    with pytest.raises(UserError, match=r"train\.gpus=9, but this machine has 2 CPU"):
        Runtime.start(9)


def test_workers_index_their_own_replicas():
    second = worker(1, 2, 4)
    assert second.local_replicas == 2 and not second.is_chief
    assert [second.local_index(i) for i in (2, 3)] == [0, 1]
    assert [worker(r, 2, 4).share(12) for r in (0, 1)] == [slice(0, 6), slice(6, 12)]


def test_a_worker_reads_only_its_share(config):
    class Counting(Dataset):
        read_indices = ()

        def read(self, resolution, indices):
            self.read_indices = (*self.read_indices, *indices)
            return super().read(resolution, indices)

    parts = []
    (iteration, *_) = feed.iterations(config, 8, 1, 0, 0)
    whole = feed.Feed(Dataset(config.data.path), config, 8).batches(iteration)
    for rank in (0, 1):
        dataset = Counting(config.data.path)
        parts.append(feed.Feed(dataset, config, 8, worker(rank, 2, 2)).batches(iteration))
        assert len(dataset.read_indices) == 4  # of 8
    for all_of, *halves in zip(*map(tf.nest.flatten, (whole, *parts)), strict=True):
        np.testing.assert_array_equal(np.concatenate(halves), all_of)

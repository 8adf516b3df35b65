"""The batches of each iteration."""

import numpy as np
import tensorflow as tf

from pgan_tf.config import override
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.order import ImageOrder
from pgan_tf.training import feed


def test_order_repeats_whole_epochs_and_depends_only_on_position():
    order = ImageOrder(10, seed=3)
    stream = order.indices(0, 50)
    for epoch in range(5):
        assert sorted(stream[epoch * 10 : epoch * 10 + 10]) == list(range(10))
    assert len({tuple(stream[e * 10 : e * 10 + 10]) for e in range(5)}) == 5
    np.testing.assert_array_equal(ImageOrder(10, seed=3).indices(17, 26), stream[17:43])
    assert (ImageOrder(10, seed=4).indices(0, 10) != stream[:10]).any()


def test_batches_depend_only_on_images_shown(config):
    dataset = Dataset(config.data.path)
    makers = [feed.Feed(dataset, config, 8) for _ in range(2)]
    plan = list(feed.iterations(config, 8, 1, 0, 0))
    made = [makers[0].batches(i) for i in plan]
    for i in reversed(range(len(plan))):
        for a, b in zip(
            tf.nest.flatten(made[i]), tf.nest.flatten(makers[1].batches(plan[i])), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    d, g = made[0][0][0], made[0][1]
    assert np.abs(d.latents - g.latents).max() > 0.1
    np.testing.assert_array_equal(d.reals, dataset.read(4, makers[0]._order.indices(0, 8)))
    flips = np.concatenate([b[0][0].flips for b in made])
    assert 0.3 < flips.mean() < 0.7
    latents = np.concatenate([b[1].latents.ravel() for b in made])
    assert abs(latents.mean()) < 0.1 and abs(latents.std() - 1) < 0.1


def test_iterations_continue_between_two_schedule_lookups(config):
    plan = list(feed.iterations(config, 8, 1, 0, 0))
    assert [i.phase.nimg for i in plan[:7]] == [0, 0, 0, 24, 24, 24, 48]
    assert list(feed.iterations(config, 8, 1, 32, 24)) == plan[4:]


def test_row_per_class_grid_shows_one_class_a_row(config):
    dataset = Dataset(config.data.path)
    maker = feed.Feed(dataset, override(config, {"train.image_layout": "row_per_class"}), 8)
    indices, _, labels = maker.grid(5, 6)
    classes = labels.argmax(axis=1).reshape(6, 5)
    assert (classes == np.array([0, 1, 2, 3, 0, 1])[:, None]).all()
    np.testing.assert_array_equal(dataset.labels[indices], labels)

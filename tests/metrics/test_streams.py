import numpy as np
import pytest

from metrics import streams
from metrics.streams import Fakes, Reals
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError
from pgan_tf.networks import Generator


class NumberedDataset(SyntheticDataset):
    """Image i has the value i in its left half and 0 in its right half."""

    def read(self, resolution, indices):
        images = super().read(resolution, indices)
        images[:, :, : resolution // 2] = np.asarray(indices, np.uint8)[:, None, None, None]
        return images


def all_images(stream, count):
    return np.concatenate(list(stream.blocks(count)))


@pytest.fixture
def small_blocks(monkeypatch):
    """Returns a function that sets the number of images in a block."""

    def shrink(size):
        monkeypatch.setattr(
            streams,
            "_position_blocks",
            lambda count, shape: (
                np.arange(i, min(i + size, count)) for i in range(0, count, size)
            ),
        )

    return shrink


@pytest.fixture(scope="module")
def generator():
    return Generator(resolution=16, num_channels=3, label_size=3, fmap_base=64, fmap_max=16, seed=1)


@pytest.mark.slow
def test_fakes_depend_only_on_seed_and_position(generator, small_blocks):
    expected = all_images(Fakes(generator, seed=5), 40)
    assert expected.shape == (40, 16, 16, 3) and expected.dtype == np.uint8
    assert len({image.tobytes() for image in expected}) == 40
    np.testing.assert_array_equal(all_images(Fakes(generator, seed=5), 25), expected[:25])
    assert not np.array_equal(all_images(Fakes(generator, seed=6), 40), expected)
    for size in (1, 7):
        small_blocks(size)
        found = all_images(Fakes(generator, seed=5), 40)
        # Float32 sums differ by a bit with an image's place in the batch, which can change its
        # rounding; in the program, the place is always the same.
        difference = np.abs(found.astype(int) - expected)
        assert difference.max() <= 1 and np.mean(difference > 0) < 0.001


def test_random_numbers_do_not_depend_on_blocks_across_draws():
    def draw(k):
        return np.arange(k * streams._DRAW_SIZE, (k + 1) * streams._DRAW_SIZE)

    for first, last in ((0, 10), (1000, 1030), (1024, 1025), (1, 4000)):
        positions = np.arange(first, last)
        np.testing.assert_array_equal(streams._random_at(positions, draw), positions)


def test_fakes_of_a_coarse_lod_are_enlarged(generator):
    images = all_images(Fakes(generator, lod=1.0, seed=0), 4)
    assert images.shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(images, images[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2))
    assert images.std() > 0


def test_labels_are_drawn_from_the_rows_given(generator):
    rows = np.eye(3, dtype=np.float32)
    always_2 = all_images(Fakes(generator, seed=0, labels=rows[[2]]), 30)
    drawn = all_images(Fakes(generator, seed=0), 30)
    equal = [np.array_equal(a, b) for a, b in zip(always_2, drawn, strict=True)]
    assert 3 <= sum(equal) <= 17  # expected: a third


def test_gray_becomes_rgb():
    gray = Generator(resolution=8, num_channels=1, fmap_base=32, fmap_max=8, seed=1)
    images = all_images(Fakes(gray), 3)
    assert images.shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(images[..., 0], images[..., 2])
    reals = all_images(Reals(NumberedDataset(8, 1, 20), 8, mirror=False), 3)
    assert reals.shape == (3, 8, 8, 3)


def test_reals_are_shuffled_and_repeat_when_they_run_out(small_blocks):
    dataset = NumberedDataset(8, 3, num_images=50)
    first = all_images(Reals(dataset, 8, mirror=False, seed=1), 120)[:, 0, 0, 0]
    for epoch in (first[:50], first[50:100]):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(50))
    assert not np.array_equal(first[:50], first[50:100])
    small_blocks(9)
    np.testing.assert_array_equal(
        all_images(Reals(dataset, 8, mirror=False, seed=1), 120)[:, 0, 0, 0], first
    )
    later = all_images(Reals(dataset, 8, mirror=False, seed=1, first=30), 60)[:, 0, 0, 0]
    np.testing.assert_array_equal(later, first[30:90])


def test_mirroring_flips_half_of_the_images(small_blocks):
    dataset = NumberedDataset(8, 3, num_images=200)
    plain = all_images(Reals(dataset, 8, mirror=False, seed=1), 200)
    mirrored = all_images(Reals(dataset, 8, mirror=True, seed=1), 200)
    flipped = mirrored[:, 0, 7, 0] > 0
    assert 75 < flipped.sum() < 125
    expected = np.where(flipped[:, None, None, None], plain[:, :, ::-1], plain)
    np.testing.assert_array_equal(mirrored, expected)
    small_blocks(7)
    again = all_images(Reals(dataset, 8, mirror=True, seed=1), 200)
    np.testing.assert_array_equal(again, mirrored)


def test_every_setting_of_reals_changes_the_key():
    dataset = NumberedDataset(8, 3, num_images=50)
    keys = [
        Reals(dataset, 8, mirror=False, seed=1),
        Reals(dataset, 8, mirror=True, seed=1),
        Reals(dataset, 4, mirror=False, seed=1),
        Reals(dataset, 8, mirror=False, seed=2),
        Reals(dataset, 8, mirror=False, seed=1, first=50),
        Reals(NumberedDataset(8, 3, num_images=51), 8, mirror=False, seed=1),
    ]
    assert len({repr(reals.key) for reals in keys}) == len(keys)


@pytest.mark.parametrize("options", [{}, {"shards": 2}, {"compress": "png"}], ids=str)
def test_images_that_differ_only_at_full_resolution_change_the_key(tmp_path, options):
    images = np.full((130, 3, 32, 32), 100, np.uint8)
    changed = images.copy()
    changed[1, :, ::2, ::2] += 50  # image 1 is not among the 64 that the content hash covers
    changed[1, :, 1::2, 1::2] -= 50
    keys = []
    for name, pixels in (("a", images), ("b", images), ("c", changed)):
        with DatasetWriter(tmp_path / name, 32, 3, **options) as writer:
            writer.add(pixels)
        keys.append(Reals(Dataset(tmp_path / name), 32, mirror=False).key)
    assert keys[0] == keys[1] != keys[2]
    assert keys[0]["dataset"] == keys[2]["dataset"]


def test_the_data_set_must_have_the_level():
    with pytest.raises(UserError, match="16x16"):
        Reals(NumberedDataset(8, 3, 5), 16, mirror=False)

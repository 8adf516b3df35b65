"""Nearest neighbours, against a brute-force search."""

import numpy as np
import pytest
from made_up import noise, write_dataset

from pgan_tf import neighbours
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError
from pgan_tf.neighbours import nearest_reals, neighbours_sheet

REALS = noise(61, 32)  # [n, C, R, R]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "set"
    write_dataset(path, REALS)
    return Dataset(path)


@pytest.fixture(params=[1 << 26, 8 * 7 * 3 * 16 * 16], ids=["one block", "blocks of 7"])
def block(request, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", request.param)


def halved(images):
    """Returns the next coarser level of images [n, C, R, R], by its definition."""
    n, c, r, _ = images.shape
    return np.rint(images.reshape(n, c, r // 2, 2, r // 2, 2).mean((3, 5)))


def brute_force(fakes, reals, k, mirror):
    """Returns indices, distances and mirroring of the nearest reals, for images [n, C, R, R]."""
    rows = []
    for fake in fakes:
        row = []
        for i, real in enumerate(reals):
            plain, flipped = (
                np.sqrt(np.mean((fake.astype(float) - r) ** 2)) for r in (real, real[..., ::-1])
            )
            row.append(min((plain, i, False), (flipped if mirror else np.inf, i, True)))
        rows.append(sorted(row)[:k])
    return tuple(np.array([[entry[j] for entry in row] for row in rows]) for j in (1, 0, 2))


@pytest.mark.parametrize("mirror", [True, False])
def test_neighbours_equal_brute_force(dataset, block, mirror):
    fakes = noise(9, 32, seed=5)
    found = nearest_reals(fakes.transpose(0, 2, 3, 1), dataset, 4, resolution=16, mirror=mirror)
    expected = brute_force(halved(fakes), halved(REALS), 4, mirror)
    np.testing.assert_array_equal(found.indices, expected[0])
    np.testing.assert_allclose(found.distances, expected[1], rtol=1e-12)
    np.testing.assert_array_equal(found.mirrored, expected[2])
    assert found.mirrored.any() == mirror


def test_copies_have_distance_0_and_ties_keep_the_order(tmp_path, block):
    reals = noise(20, 32)
    reals[13] = reals[3]
    reals[8] = reals[3, ..., ::-1]
    write_dataset(tmp_path / "set", reals)
    fakes = reals[[13, 6]].transpose(0, 2, 3, 1)
    found = nearest_reals(fakes, Dataset(tmp_path / "set"), 3, resolution=16)
    assert found.indices[0].tolist() == [3, 8, 13] and found.indices[1, 0] == 6
    assert found.distances[0].tolist() == [0, 0, 0] and found.distances[1, 0] == 0
    assert found.mirrored[0].tolist() == [False, True, False]


def test_few_reals_and_coarse_fakes_are_compared(dataset):
    few = nearest_reals(np.zeros([2, 8, 8, 3], np.uint8), SyntheticDataset(32, num_images=2), 3)
    assert few.indices.tolist() == [[0, 1], [0, 1]] and not few.distances.any()
    fakes = noise(2, 8, seed=3)  # from an earlier stage
    found = nearest_reals(fakes.transpose(0, 2, 3, 1), dataset, 1)
    expected = brute_force(fakes, halved(halved(REALS)), 1, True)
    # The data set's 8x8 level is rounded once, the expected one twice: they differ by up to 1.
    np.testing.assert_allclose(found.distances, expected[1], atol=1)


def test_sheet_shows_fakes_beside_their_neighbours(dataset):
    fakes = noise(3, 32, seed=7).transpose(0, 2, 3, 1)
    sheet = neighbours_sheet(fakes, dataset, 2, columns=2, zoom=2)
    near = nearest_reals(fakes, dataset, 2)
    assert near.mirrored.any() and not near.mirrored.all()
    # A group: fake, 12 pixels, real, 4 pixels, real. Groups: two a row, 24 pixels apart.
    lefts, group = [0, 64 + 12, 64 + 12 + 64 + 4], 3 * 64 + 12 + 4
    assert sheet.shape == (2 * 64 + 24, 2 * group + 24, 3)
    expected = np.full(sheet.shape, 255, np.uint8)
    for i, (y, x) in enumerate([(0, 0), (0, group + 24), (64 + 24, 0)]):
        reals = REALS[near.indices[i]].transpose(0, 2, 3, 1)
        reals = [r[:, ::-1] if m else r for r, m in zip(reals, near.mirrored[i], strict=True)]
        for left, image in zip(lefts, [fakes[i], *reals], strict=True):
            expected[y : y + 64, x + left : x + left + 64] = np.kron(image, np.ones([2, 2, 1]))
    np.testing.assert_array_equal(sheet, expected)


@pytest.mark.parametrize(
    "fakes",
    [
        np.zeros([1, 8, 8, 3], np.float32),
        np.zeros([1, 8, 8, 1], np.uint8),
        np.zeros([1, 8, 4, 3], np.uint8),
        np.zeros([8, 8, 3], np.uint8),
    ],
    ids=lambda fakes: f"{fakes.dtype} {fakes.shape}",
)
def test_other_fakes_are_refused(dataset, fakes):
    with pytest.raises(ValueError, match=r"uint8 \[n, R, R, 3\] is needed"):
        nearest_reals(fakes, dataset)


def test_missing_levels_are_refused(dataset):
    with pytest.raises(UserError, match="up to 32x32, not 64x64"):
        nearest_reals(np.zeros([1, 64, 64, 3], np.uint8), dataset, resolution=64)
    with pytest.raises(ValueError, match="8x8 have no 16x16 level"):
        nearest_reals(np.zeros([1, 8, 8, 3], np.uint8), dataset, resolution=16)
    with pytest.raises(ValueError, match="k=0"):
        nearest_reals(np.zeros([1, 8, 8, 3], np.uint8), dataset, 0)

"""Data sets are read wherever and however they are stored; bad ones are refused in one line."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from made_up import noise, write_dataset

from pgan_tf.data import dataset
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.format import level, pyramid, records
from pgan_tf.errors import UserError

PIXELS = noise(23, 64)
LABELS = np.eye(5, dtype=np.float32)[np.arange(23) % 5]
STORAGE = [{}, {"shards": 4}, {"compress": "png"}, {"compress": "gzip", "shards": 3}]


@pytest.fixture(scope="module", params=STORAGE, ids=str)
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "set"
    write_dataset(path, PIXELS, LABELS, **request.param)
    return path


@pytest.fixture(params=["held", "large"])
def stored(request, written, monkeypatch):
    """A data set's directory, whose files are kept in memory or read from disk as large ones."""
    if request.param == "large":
        monkeypatch.setattr(level, "_KEPT_BYTES", 0)
    return written


def test_attributes(stored):
    data = Dataset(stored)
    assert (data.name, data.resolution, data.num_channels, data.num_images) == ("set", 64, 3, 23)
    assert data.levels == [4, 8, 16, 32, 64] and data.label_size == 5
    assert data.labels.dtype == np.float32
    np.testing.assert_array_equal(data.labels, LABELS)


@pytest.mark.parametrize("verify", ["auto", "full", "off"])
def test_reads_every_image_of_every_level(stored, verify):
    data = Dataset(stored, verify)
    order = np.random.RandomState(0).randint(0, 23, 50)
    for expected in pyramid.levels(PIXELS):
        read = data.read(expected.shape[-1], order)
        assert read.dtype == np.uint8 and read.flags.c_contiguous
        np.testing.assert_array_equal(read, expected[order].transpose(0, 2, 3, 1))


def test_content_hash_does_not_depend_on_storage(stored, tmp_path):
    write_dataset(tmp_path / "other", PIXELS, LABELS)
    key = Dataset(stored).content_hash()
    assert key == Dataset(tmp_path / "other").content_hash() and len(key) == 16
    changed = PIXELS.copy()
    changed[11] ^= 255
    write_dataset(tmp_path / "changed", changed, LABELS)
    write_dataset(tmp_path / "unlabelled", PIXELS)
    others = {Dataset(tmp_path / name).content_hash() for name in ("changed", "unlabelled")}
    assert len(others | {key}) == 3


def test_many_threads_can_read(stored):
    data = Dataset(stored)

    def check(seed):
        order = np.random.RandomState(seed).randint(0, 23, 40)
        read = data.read(64, order)
        return (read == PIXELS[order].transpose(0, 2, 3, 1)).all()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(32)))


def test_reads_gray_images(tmp_path):
    pixels = noise(4, 8, channels=1)
    write_dataset(tmp_path / "gray", pixels)
    data = Dataset(tmp_path / "gray")
    assert data.num_channels == 1 and data.labels is None and data.label_size == 0
    np.testing.assert_array_equal(data.read(8, [3, 0]), pixels[[3, 0], 0, :, :, None])


@pytest.mark.parametrize("options", STORAGE, ids=str)
def test_reads_and_writes_through_gfile(options):
    path = "ram://test/set-" + "-".join(map(str, options.values()))
    write_dataset(path, PIXELS, LABELS, **options)
    assert not any(name.startswith(".") for name in tf.io.gfile.listdir("ram://test/"))
    data = Dataset(path, verify="full")
    np.testing.assert_array_equal(data.read(64, [22, 5]), PIXELS[[22, 5]].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(data.labels, LABELS)
    with pytest.raises(UserError, match="exists already"):
        write_dataset(path, PIXELS)
    write_dataset(path, PIXELS[:5], force=True)
    assert Dataset(path).num_images == 5
    tf.io.gfile.rmtree(path)


def test_wrong_indices_are_refused(stored):
    data = Dataset(stored)
    assert data.read(4, []).shape == (0, 4, 4, 3)
    for wrong in ([23], [-1]):
        with pytest.raises(IndexError):
            data.read(4, wrong)


def test_require_names_the_resolutions(stored):
    data = Dataset(stored)
    data.require(64)
    with pytest.raises(UserError, match=r"up to 64x64, not 128x128; make it with"):
        data.require(128)
    for resolution in (2, 48):
        with pytest.raises(UserError, match="not a power of two"):
            data.require(resolution)


def _error(path, verify="auto"):
    """Returns the one-line message with which opening is refused."""
    with pytest.raises(UserError) as caught:
        Dataset(path, verify)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def plain(tmp_path):
    """The directory of a data set named cifar10, uncompressed and with labels."""
    path = tmp_path / "cifar10"
    write_dataset(path, noise(9, 16), np.eye(9))
    return path


def test_missing_and_empty_directories_get_advice(tmp_path):
    message = _error(tmp_path / "celebahq")
    assert message.endswith(
        f"celebahq does not exist; make it with: python dataset_tool.py create_celebahq"
        f" {tmp_path}/celebahq"
    )
    (tmp_path / "empty").mkdir()
    assert "is empty; make it with: python dataset_tool.py create_from_images" in _error(
        tmp_path / "empty"
    )
    (tmp_path / "file").write_text("")
    assert "is an empty file, not a directory" in _error(tmp_path / "file")
    (tmp_path / "empty" / "notes.txt").write_text("")
    assert "holds no *-rNN.tfrecords files" in _error(tmp_path / "empty")


@pytest.mark.parametrize(
    "lsun, command", [("lsun-cat", "create_lsun"), ("mnistrgb", "create_mnistrgb")]
)
def test_advice_names_the_command_of_the_data_set(tmp_path, lsun, command):
    assert f"dataset_tool.py {command} " in _error(tmp_path / lsun)


def test_a_missing_level_is_named(plain):
    (plain / "cifar10-r03.tfrecords").unlink()
    assert re.search(
        r"lacks level 8x8 \(\*-r03.tfrecords\); make it with: .*cifar10", _error(plain)
    )


def test_a_missing_shard_is_named(tmp_path):
    write_dataset(tmp_path / "a", noise(9, 8), shards=3)
    (tmp_path / "a" / "a-r03-00001-of-00003.tfrecords").unlink()
    assert "lacks level 8x8 (*-r03-00001-of-00003.tfrecords)" in _error(tmp_path / "a")


def test_shards_of_unequal_counts_are_refused(tmp_path):
    write_dataset(tmp_path / "a", noise(9, 8), shards=3)
    first, second = (tmp_path / "a" / f"a-r03-0000{i}-of-00003.tfrecords" for i in (0, 1))
    second.write_bytes(first.read_bytes() + first.read_bytes())
    assert re.search(
        r"-0000\d-of-00003.tfrecords holds \d images .*instead of 4", _error(tmp_path / "a")
    )


def test_two_data_sets_in_one_directory_are_refused(plain):
    shutil.copy(plain / "cifar10-r03.tfrecords", plain / "other-r03.tfrecords")
    assert "holds two data sets (cifar10-r03.tfrecords, other-r03.tfrecords)" in _error(plain)


def test_a_level_of_the_wrong_size_is_named(plain):
    shutil.copy(plain / "cifar10-r02.tfrecords", plain / "cifar10-r03.tfrecords")
    assert (
        "cifar10-r03.tfrecords holds images of 3x4x4 (channels, height, width) instead of 8x8"
        in (_error(plain))
    )


def test_levels_of_different_counts_are_refused(plain):
    file = plain / "cifar10-r02.tfrecords"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 9 * 8])
    assert re.search(r"r02.tfrecords holds 8 images.* but .*r04.tfrecords holds 9", _error(plain))


@pytest.mark.parametrize("verify", ["auto", "off"])
@pytest.mark.parametrize("keep", [-1, -20, 1, 700])
def test_a_record_cut_short_is_reported(plain, keep, verify):
    file = plain / "cifar10-r04.tfrecords"
    file.write_bytes(file.read_bytes()[:keep])
    assert re.search(r"cifar10-r04.tfrecords.*cut short.*; make it with", _error(plain, verify))


@pytest.mark.parametrize("how", ["a byte less", "a byte more", "another length"])
def test_a_record_of_another_length_is_named(plain, how):
    file = plain / "cifar10-r03.tfrecords"
    content = file.read_bytes()
    length = len(content) // 9
    cut = length * 5 + 100
    if how == "a byte less":
        content = content[:cut] + content[cut + 1 :]
    elif how == "a byte more":
        content = content[:cut] + b"x" + content[cut:]
    else:  # a whole record with one byte of data less
        record = records.frame(records.example_bytes(bytes(3 * 64 - 1), (3, 8, 8)))
        content = content[: length * 5] + record + content[length * 6 :]
    file.write_bytes(content)
    assert "cifar10-r03.tfrecords: record 5: damaged" in _error(plain, "off")


def test_a_directory_instead_of_a_level_is_reported(plain):
    (plain / "cifar10-r04.tfrecords").unlink()
    (plain / "cifar10-r04.tfrecords").mkdir()
    assert re.search(
        r"r04.tfrecords can't be read: Is a directory; make it .* --force", _error(plain)
    )


def test_an_empty_level_is_reported(plain):
    (plain / "cifar10-r04.tfrecords").write_bytes(b"")
    assert "cut short" in _error(plain)


def test_a_wrong_checksum_is_reported(plain):
    _flip(plain / "cifar10-r04.tfrecords", record=7, offset=300)
    message = _error(plain)
    assert "cifar10-r04.tfrecords: record 7: damaged: wrong checksum; make it with" in message


def test_checksum_is_checked_when_a_large_set_is_read(plain, monkeypatch):
    _flip(plain / "cifar10-r04.tfrecords", record=7, offset=300)
    monkeypatch.setattr(dataset, "SMALL_BYTES", 0)
    monkeypatch.setattr(dataset, "_SAMPLES", 3)  # records 0, 4 and 8
    data = Dataset(plain)
    data.read(16, [0, 6])
    with pytest.raises(UserError, match="record 7: damaged: wrong checksum"):
        data.read(16, [6, 7])
    assert "record 7" in _error(plain, "full")
    Dataset(plain, "off").read(16, [7])


def test_damage_to_a_later_records_length_and_shape_is_reported(plain):
    for offset in (3, 20):  # length field; shape
        _flip(plain / "cifar10-r02.tfrecords", record=5, offset=offset)
        assert "cifar10-r02.tfrecords: record 5" in _error(plain)
        _flip(plain / "cifar10-r02.tfrecords", record=5, offset=offset)
    Dataset(plain)


def test_files_without_image_records_are_refused(plain):
    (plain / "cifar10-r02.tfrecords").write_bytes(b"<html>" * 100)
    assert "r02.tfrecords: record 0: not a TFRecord file" in _error(plain)
    (plain / "cifar10-r02.tfrecords").write_bytes(records.frame(b"text") * 9)
    assert "record 0: not an image record" in _error(plain)


def test_a_wrong_number_of_labels_is_refused(plain):
    np.save(plain / "x.npy", np.eye(8))
    (plain / "x.npy").rename(plain / "cifar10-rxx.labels")
    assert "cifar10-rxx.labels has 8 labels for 9 images; make it with" in _error(plain)


@pytest.mark.parametrize(
    "labels", [np.zeros(9), np.full((9, 2), np.nan), np.array([["a"]] * 9), np.array([[None]] * 9)]
)
def test_malformed_labels_are_refused(plain, labels):
    np.save(plain / "x.npy", labels, allow_pickle=True)
    (plain / "x.npy").rename(plain / "cifar10-rxx.labels")
    assert re.search(r"cifar10-rxx.labels (holds|is not a NumPy)", _error(plain))


def test_damage_to_compressed_levels_is_reported(tmp_path):
    path = tmp_path / "a"
    write_dataset(path, noise(9, 32), compress="png")
    file, index = path / "a-r05.tfrecords", path / "a-r05.tfrecords.index"
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    file.write_bytes(damaged)
    assert "record 4: damaged: wrong checksum" in _error(path)
    file.write_bytes(whole[:-1])
    assert "does not fit" in _error(path)
    file.write_bytes(whole)
    content = index.read_bytes()
    index.write_bytes(content[:100])
    assert "a-r05.tfrecords.index, which holds the records' offsets, can't be read" in _error(path)
    index.unlink()
    assert "can't be read" in _error(path)
    index.write_bytes(content)
    Dataset(path)


def test_compressed_bomb_is_not_unpacked(tmp_path):
    """A record that declares 32x32 but unpacks to far more is refused."""
    import gzip

    path = tmp_path / "a"
    write_dataset(path, noise(1, 32), compress="gzip")
    bomb = records.example_bytes(gzip.compress(bytes(1 << 26)), (3, 32, 32), "gzip")
    record = records.frame(bomb)
    (path / "a-r05.tfrecords").write_bytes(record)
    np.save(path / "i.npy", np.array([0, len(record)], np.uint64))
    (path / "i.npy").rename(path / "a-r05.tfrecords.index")
    data = Dataset(path)
    with pytest.raises(UserError, match="record 0: its image can't be unpacked"):
        data.read(32, [0])


def _flip(path, record, offset):
    """Flips a bit of a record in a file of nine records of equal length."""
    content = bytearray(path.read_bytes())
    content[len(content) // 9 * record + offset] ^= 1
    path.write_bytes(content)


def test_synthetic_data_set_is_black_with_labels_in_turn():
    data = SyntheticDataset(1024, num_images=100, label_size=7)
    assert (data.resolution, data.num_channels, data.num_images) == (1024, 3, 100)
    assert data.levels[0] == 4 and data.levels[-1] == 1024
    read = data.read(16, [99, 0])
    assert read.shape == (2, 16, 16, 3) and read.dtype == np.uint8 and not read.any()
    assert data.labels.shape == (100, 7) and (data.labels.sum(1) == 1).all()
    assert data.labels[8].argmax() == 1
    assert data.content_hash() != SyntheticDataset(1024, num_images=101).content_hash()
    with pytest.raises(UserError):
        data.require(2048)
    with pytest.raises(UserError):
        SyntheticDataset(48)
    with pytest.raises(IndexError):
        data.read(4, [100])

"""Record files that change while being read, or that declare impossible sizes."""

import os

import numpy as np
import pytest
from made_up import noise, write_dataset

from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format import level, pyramid, record_files, records
from pgan_tf.errors import UserError

PIXELS = noise(9, 32)
KINDS = [{}, {"compress": "png"}]


@pytest.fixture(params=KINDS, ids=str)
def path(request, tmp_path):
    write_dataset(tmp_path / "mine", PIXELS, **request.param)
    return tmp_path / "mine"


def test_a_small_level_stays_readable_when_its_file_is_emptied(path):
    data = Dataset(path)
    (path / "mine-r05.tfrecords").write_bytes(b"")
    np.testing.assert_array_equal(data.read_checked(32, range(9)), PIXELS)


def test_a_small_file_cut_short_before_its_first_use_is_reported(path):
    data = Dataset(path, verify="off")
    os.truncate(path / "mine-r05.tfrecords", 2000)
    with pytest.raises(UserError, match=r"r05.tfrecords was cut short while it was in use; restor"):
        data.read(32, [0])


def test_a_large_file_cut_short_is_reported_and_readable_again_once_restored(path, monkeypatch):
    monkeypatch.setattr(level, "_KEPT_BYTES", 0)
    data = Dataset(path)
    file = path / "mine-r05.tfrecords"
    content = file.read_bytes()
    os.truncate(file, len(content) - 5)
    np.testing.assert_array_equal(data.read_checked(32, [7]), PIXELS[[7]])
    for indices in ([8], range(9)):
        with pytest.raises(UserError, match=r"cut short while it was in use; restore it, or make"):
            data.read(32, indices)
    file.write_bytes(content)  # in place: restores the file that is still open
    np.testing.assert_array_equal(data.read_checked(32, range(9)), PIXELS)


def test_no_file_is_mapped_into_memory(path):
    data = Dataset(path)
    for resolution in data.levels:
        data.read(resolution, [3, 1])
    data.records_hash()
    if os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps") as maps:
            assert str(path) not in maps.read()


def test_checksums_equal_the_records_own(path, monkeypatch):
    """However many records are read at a time."""
    content = (path / "mine-r05.tfrecords").read_bytes()
    expected, position = [], 0
    while position < len(content):
        end = position + records.HEADER_BYTES + records.framed_length(content[position:][:12]) + 4
        expected.append(int.from_bytes(content[end - 4 : end], "little"))
        position = end
    files = [str(path / "mine-r05.tfrecords")]
    assert level.Level(32, files, "").checksums().tolist() == expected
    monkeypatch.setattr(record_files, "_BLOCK_BYTES", 5000)
    assert level.Level(32, files, "").checksums().tolist() == expected
    monkeypatch.setattr(level, "_HASHED_BYTES", 5000)
    assert level.Level(32, files, "").checksums() is None


def opened(path, resolution=32):
    """Returns the message with which opening a file is refused."""
    with pytest.raises(UserError) as caught:
        record_files.open_file(str(path), resolution, "make it again")
    message = str(caught.value)
    assert message.endswith("; make it again") and "\n" not in message
    return message


def test_refuses_a_record_larger_than_any_image(tmp_path):
    with open(tmp_path / "x", "wb") as file:  # sparse: takes no space on the disk
        length = (1 << 40).to_bytes(8, "little")
        file.write(length + records.masked_crc(length).to_bytes(4, "little"))
        file.truncate((1 << 40) + 16)
    assert "record 0: it has 1099511627776 bytes, more than any image" in opened(tmp_path / "x")


def test_refuses_a_message_of_many_small_fields(tmp_path):
    """Parsed, each field would take a hundred times its size in memory."""
    for payload in (b"\x0a\x00" * 3000, b"\x0a\xf0\x2e" + b"\x0a\x00" * 3000):
        (tmp_path / "x").write_bytes(records.frame(payload))
        assert "record 0: not an image record" in opened(tmp_path / "x")


def test_refuses_an_index_with_a_record_larger_than_any_image(tmp_path):
    write_dataset(tmp_path / "mine", PIXELS[:2], compress="gzip")
    path = tmp_path / "mine" / "mine-r05.tfrecords"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(1 << 40)
    (tmp_path / "mine" / "mine-r05.tfrecords.index").write_bytes(
        record_files.index_bytes(np.array([0, size, 1 << 40]))
    )
    assert "index does not fit" in opened(path)


def test_refuses_an_index_larger_than_the_records(tmp_path):
    write_dataset(tmp_path / "mine", PIXELS[:2], compress="gzip")
    path = tmp_path / "mine" / "mine-r05.tfrecords"
    with open(f"{path}.index", "r+b") as file:
        file.truncate(1 << 40)
    assert "index, which holds the records' offsets, can't be read" in opened(path)


def test_refuses_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "x")
    assert "is a pipe" in opened(tmp_path / "x")


def test_refuses_a_level_above_the_largest_resolution(tmp_path):
    side = 2 * pyramid.MAX_RESOLUTION
    with pytest.raises(UserError, match="16384x16384 are larger than 8192x8192; make it again"):
        level.Level(side, [str(tmp_path / "x")], "make it again")

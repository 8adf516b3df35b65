"""Limits for a zip file's list of files."""

import io
import struct
import zipfile

import pytest

from metrics import inputs
from pgan_tf import zip_files
from pgan_tf.data.pictures import imagetree
from pgan_tf.errors import UserError
from pgan_tf.snapshots import archive


def packed(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def test_a_short_list_with_large_files_is_read(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(packed([("a", b"1" * 5000), ("b/c", b"")]))
    with zip_files.opened(path, most_list_bytes=200) as archive:
        assert archive.namelist() == ["a", "b/c"] and archive.read("a") == b"1" * 5000
    with open(path, "rb") as file:
        with zip_files.opened(file, most_list_bytes=200) as archive:
            assert archive.read("b/c") == b""
        assert not file.closed


def test_a_long_list_is_refused_before_it_is_read():
    content = packed([(f"{i:03d}", b"") for i in range(100)])
    length = struct.unpack("<I", content[-10:-6])[0]  # of the list, from the zip file's end record
    assert length == 100 * (46 + 3)
    with zip_files.opened(io.BytesIO(content), length) as archive:
        assert len(archive.namelist()) == 100
    with (
        pytest.raises(zipfile.BadZipFile, match=r"takes 4,900 bytes; at most 4,899 are read"),
        zip_files.opened(io.BytesIO(content), length - 1),
    ):
        pass


def test_a_list_of_very_many_files_is_refused(monkeypatch):
    content = packed([(str(i), b"") for i in range(8)])
    monkeypatch.setattr(zip_files, "MOST_FILES", 8)
    with zip_files.opened(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 8
    monkeypatch.setattr(zip_files, "MOST_FILES", 7)
    with (
        pytest.raises(zipfile.BadZipFile, match="lists more than 7 files"),
        zip_files.opened(io.BytesIO(content)),
    ):
        pass


def test_array_readers_refuse_a_list_over_a_megabyte(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        for i in range(17):  # comments are part of the list
            info = zipfile.ZipInfo("meta.npy" if i == 0 else f"{i}.npy")
            info.comment = b"x" * 65_000
            file.writestr(info, b"")
    for read, words in (
        (lambda: archive.load_arrays(path, "snapshot", range(1, 2)), "not a snapshot"),
        (lambda: inputs.resolve(path), "holds no usable statistics"),
    ):
        with pytest.raises(UserError, match=rf"{words}.*its list of files takes 1,105,\d+ bytes"):
            read()
    path = path.rename(tmp_path / "x.dat")
    assert inputs.resolve(path) == str(path)  # the ending does not say that it holds arrays


def test_zips_of_pictures_may_have_a_longer_list(tmp_path, monkeypatch):
    path = tmp_path / "x.zip"
    path.write_bytes(packed([(f"{i:03d}.png", b"") for i in range(100)]))
    monkeypatch.setattr(zip_files, "MOST_LIST_BYTES", 100)
    assert len(imagetree.Tree(path).images) == 100
    monkeypatch.setattr(zip_files, "MOST_PICTURES_LIST_BYTES", 100)
    with pytest.raises(UserError, match="its list of files takes 5,300 bytes"):
        imagetree.Tree(path)

"""Data sets are written whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up import noise, write_dataset

from pgan_tf import files
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format import writer
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.errors import UserError


def test_writes_only_the_files_of_the_data_set(tmp_path):
    write_dataset(tmp_path / "a", noise(7), np.eye(7))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    expected = ["a-r02.tfrecords", "a-r03.tfrecords", "a-rxx.labels"]
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == expected


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_failure_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error) if isinstance(error, OSError) else error):  # noqa: SIM117
        with DatasetWriter(tmp_path / "a", 8, 3) as target:
            target.add(noise(2))
            raise error
    assert list(tmp_path.iterdir()) == []


def test_failure_at_the_end_keeps_the_old_data_set(tmp_path):
    write_dataset(tmp_path / "a", noise(3))
    with pytest.raises(UserError, match="got 3 images instead of 4"):
        write_dataset(tmp_path / "a", noise(3, seed=1), force=True, num_images=4)
    np.testing.assert_array_equal(Dataset(tmp_path / "a").read_checked(8, range(3)), noise(3))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_full_disk_while_closing_leaves_nothing(tmp_path, monkeypatch):
    def full(offsets):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, "index_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a-r05.tfrecords'"):
        write_dataset(tmp_path / "a", noise(2, 32), compress="png")
    assert list(tmp_path.iterdir()) == []


def test_existing_target_needs_force(tmp_path):
    write_dataset(tmp_path / "a", noise(2))
    with pytest.raises(UserError, match=r"exists already; --force"):
        write_dataset(tmp_path / "a", noise(5))
    write_dataset(tmp_path / "a", noise(5), force=True)
    assert Dataset(tmp_path / "a").num_images == 5


def test_force_never_deletes_other_files(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "README.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(UserError, match="is not a data set"):
            write_dataset(home, noise(2), force=force)
    write_dataset(tmp_path / "a", noise(2))
    for name in ("thesis.doc", "NOTES.txt"):
        (tmp_path / "a" / name).write_text("mine")
        with pytest.raises(UserError, match=name):
            write_dataset(tmp_path / "a", noise(2), force=True)
        (tmp_path / "a" / name).unlink()
    assert (home / "README.txt").exists()


def test_empty_directory_may_be_the_target(tmp_path):
    (tmp_path / "a").mkdir()
    write_dataset(tmp_path / "a", noise(2))
    assert Dataset(tmp_path / "a").num_images == 2


def test_disk_space_is_checked_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "free_bytes", lambda path: 10**9)
    with pytest.raises(UserError, match=r"needs 4\.19 GB, but the disk has 1\.00 GB"):
        write_dataset(tmp_path / "a", noise(1, 1024), num_images=1000)
    assert list(tmp_path.iterdir()) == []


def test_size_on_disk_is_exact(tmp_path):
    write_dataset(tmp_path / "a", noise(6, 32), np.eye(6))
    files = (tmp_path / "a").iterdir()
    assert sum(f.stat().st_size for f in files) == writer.size_on_disk(6, 32, 3, label_size=6)


def test_killed_process_leaves_nothing_that_looks_complete(tmp_path):
    program = (
        "import os, sys, numpy as np\n"
        "from pgan_tf.data.format.writer import DatasetWriter\n"
        "with DatasetWriter(sys.argv[1], 8, 3) as target:\n"
        "    target.add(np.zeros((9, 3, 8, 8), np.uint8))\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.") and left.name.endswith(files.PARTIAL_SUFFIX)
    write_dataset(tmp_path / "a", noise(2))  # the next run removes it
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_leftovers_of_a_killed_process_with_our_id_are_not_included(tmp_path):
    target = DatasetWriter(tmp_path / "a", 8, 3)
    left = tmp_path / Path(target._partial).name
    left.mkdir()
    (left / "a-r03-00001-of-00002.tfrecords").write_bytes(b"old")
    (left / "CLASSES.txt").write_text("old")
    write_dataset(tmp_path / "a", noise(2))
    assert sorted(p.name for p in tmp_path.glob("a/*")) == ["a-r02.tfrecords", "a-r03.tfrecords"]


def test_a_data_set_is_restored_when_replacing_it_fails(tmp_path, monkeypatch):
    write_dataset(tmp_path / "a", noise(2))
    rename = storage.rename_dir

    def full(old, new):
        if old.endswith(files.PARTIAL_SUFFIX) and ".replaced" not in old:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(old, new)

    monkeypatch.setattr(storage, "rename_dir", full)
    with pytest.raises(OSError, match="No space left"):
        write_dataset(tmp_path / "a", noise(5), force=True)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert Dataset(tmp_path / "a").num_images == 2

    # Killed between the two renames: the next run restores the old data set.
    partial = DatasetWriter(tmp_path / "a", 8, 3, force=True)._partial
    dead = partial.replace(f".{os.getpid()}.", ".999999999.")
    os.rename(tmp_path / "a", dead.replace(".partial", ".replaced.partial"))
    with pytest.raises(UserError, match="there are no images to write"):
        write_dataset(tmp_path / "a", noise(0), force=True)
    assert Dataset(tmp_path / "a").num_images == 2


def test_a_link_as_target_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk" / ".data", tmp_path / "a")  # the data set's name is the link's
    for n in (2, 5):
        write_dataset(tmp_path / "a", noise(n), force=True)
        assert (tmp_path / "a").is_symlink()
        assert Dataset(tmp_path / "a").num_images == n
        assert [p.name for p in (tmp_path / "disk").iterdir()] == [".data"]
        assert (tmp_path / "disk" / ".data" / "a-r03.tfrecords").exists()


@pytest.mark.parametrize("name", [".hidden", "two\nlines"])
def test_names_that_could_not_be_opened_later_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="must not start with a dot"):
        DatasetWriter(tmp_path / name, 8, 3)


def test_wrong_arguments_are_refused(tmp_path):
    for resolution in (0, 2, 12, -8):
        with pytest.raises(UserError, match="not a power of two"):
            DatasetWriter(tmp_path / "a", resolution, 3)
    with pytest.raises(UserError, match="2 channels"):
        DatasetWriter(tmp_path / "a", 8, 2)
    with pytest.raises(UserError, match="0 shards"):
        DatasetWriter(tmp_path / "a", 8, 3, shards=0)
    with pytest.raises(UserError, match=r"2 images can't fill 3 shard\(s\)"):
        write_dataset(tmp_path / "a", noise(2), shards=3)
    with pytest.raises(UserError, match="2 images can't fill 3 shards"):
        DatasetWriter(tmp_path / "a", 8, 3, shards=3, num_images=2)
    with pytest.raises(UserError, match="199998 files open at once"):
        DatasetWriter(tmp_path / "a", 8, 3, shards=99999)
    with pytest.raises(ValueError, match="expected uint8"):
        write_dataset(tmp_path / "a", noise(2).astype(np.float32))
    with pytest.raises(ValueError, match="1 labels for 2 images"):
        write_dataset(tmp_path / "a", noise(2), np.eye(1))
    assert list(tmp_path.iterdir()) == []


def test_force_refuses_directories_that_hold_anything_else(tmp_path):
    write_dataset(tmp_path / "set", noise(2, 8))
    (tmp_path / "set" / "other-r02.tfrecords").touch()
    with pytest.raises(UserError, match="holds 2 data sets, other and set"):
        write_dataset(tmp_path / "set", noise(2, 8), force=True)
    (tmp_path / "set" / "other-r02.tfrecords").unlink()
    (tmp_path / "set" / "set-r09.tfrecords").mkdir()
    with pytest.raises(UserError, match=r"not a data set \(it holds 'set-r09"):
        write_dataset(tmp_path / "set", noise(2, 8), force=True)

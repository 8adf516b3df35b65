"""The official tool's commands, against its own output (golden/dataset_tool.json)."""

import hashlib
import io
import os
import pickle
import re

import lmdb
import made_up
import numpy as np
import pytest
import scipy.io
from PIL import Image

import dataset_tool
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making import celeba, cifar, lsun, lsun_reader, mnist, svhn
from pgan_tf.errors import UserError


@pytest.fixture
def check(golden):
    """Returns a function that compares a data set's files with a golden case's."""

    def compare(case, path):
        expected = golden("dataset_tool.json")[case]
        assert sorted(file.name for file in path.iterdir()) == sorted(expected)
        for name, (size, sha256) in expected.items():
            content = (path / name).read_bytes()
            assert len(content) == size, name
            assert hashlib.sha256(content).hexdigest() == sha256, name

    return compare


def tool(*arguments):
    assert not dataset_tool.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("workers", [1, 2])
def test_create_from_images_writes_the_official_bytes(tmp_path, check, workers):
    made_up.folders(tmp_path)
    out = tmp_path / "out"
    for case, source, options in (
        ("rgb64", "rgb64", ()),
        ("rgb64ns", "rgb64", ("--shuffle", 0)),
        ("gray32", "gray32", ()),
    ):
        source = tmp_path / source
        tool("create_from_images", out / case, source, *options, "--workers", workers)
        check(case, out / case)


@pytest.mark.parametrize("workers", [1, 2])
def test_create_lsun_writes_the_official_bytes(tmp_path, check, workers, capsys):
    made_up.lsun(tmp_path)
    out = tmp_path / "lsun64"
    options = ("--resolution", 64, "--max_images", 30, "--workers", workers)
    tool("create_lsun", out, tmp_path, *options)
    check("lsun64_max30", out)
    assert "1 entries can't be decoded" in capsys.readouterr().out


def test_create_from_hdf5_writes_the_official_bytes(tmp_path, check):
    made_up.hdf5(tmp_path / "file.h5")
    tool("create_from_hdf5", tmp_path / "fromh5", tmp_path / "file.h5", "--workers", 1)
    check("from_hdf5", tmp_path / "fromh5")


def test_create_mnistrgb_writes_the_official_bytes(tmp_path, check):
    made_up.mnist(tmp_path)
    out = tmp_path / "mnistrgb"
    tool("create_mnistrgb", out, tmp_path, "--num_images", 500)
    check("mnistrgb500", out)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["mnist", "cifar10", "cifar100", "svhn"])
def test_whole_mnist_cifar_and_svhn_are_the_official_bytes(tmp_path, check, case):
    source = tmp_path / "source"
    source.mkdir()
    getattr(made_up, case)(source)
    tool(f"create_{case}", tmp_path / case, source)
    check(case, tmp_path / case)


def _digits(directory):
    directory.mkdir()
    made_up.mnist(directory, count=500)
    return directory


def test_mnist_is_padded_shuffled_and_labelled(tmp_path):
    """Against the formulas for padding, order and labels."""
    source = _digits(tmp_path / "digits")
    mnist.create(tmp_path / "mnist", source, allow_partial=True)
    rs = np.random.RandomState(1)
    digits, classes = rs.randint(0, 256, (500, 28, 28)), rs.randint(0, 10, 500)
    order = np.arange(500)
    np.random.RandomState(123).shuffle(order)
    data = Dataset(tmp_path / "mnist")
    read = data.read(32, np.arange(500))[..., 0]
    np.testing.assert_array_equal(read[:, 2:30, 2:30], digits[order])
    assert not read[:, :2].any() and not read[:, :, 30:].any()
    np.testing.assert_array_equal(data.labels, np.eye(10)[classes[order]])


def test_bad_mnist_files_are_refused(tmp_path):
    source = _digits(tmp_path / "digits")
    with pytest.raises(UserError, match="holds 500 images instead of 60000; --allow-partial"):
        mnist.create(tmp_path / "out", source)
    labels = source / "train-labels-idx1-ubyte.gz"
    header = np.array([2049, 500], ">u4").tobytes()
    for content, message in (
        (header + bytes(499), "not a complete MNIST labels file"),
        (header + bytes([10] * 500), "one label from 0 to 9"),
        (np.array([2049, 400], ">u4").tobytes() + bytes(400), "one label from 0 to 9 for each"),
    ):
        made_up.write_gzip(labels, content)
        with pytest.raises(UserError, match=message):
            mnist.create(tmp_path / "out", source, allow_partial=True)
    images = source / "train-images-idx3-ubyte.gz"
    content = images.read_bytes()
    for damaged in (content[:-9], b"no gzip", content[:1000] + b"x" + content[1001:]):
        images.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged"):
            mnist.create(tmp_path / "out", source, allow_partial=True)
    images.unlink()
    with pytest.raises(UserError, match=r"images-idx3-ubyte.gz is missing; http.* has it: put "):
        mnist.create(tmp_path / "out", source)
    assert not (tmp_path / "out").exists()


def test_cifar_pickles_of_python_2_and_3_are_read(tmp_path):
    """A part of CIFAR-10, unpacked from its archive."""
    source = tmp_path / "cifar-10-batches-py"
    source.mkdir()
    data = np.random.RandomState(0).randint(0, 256, (40, 3072)).astype(np.uint8)
    labels = (np.arange(40) % 10).tolist()
    made_up.python2_pickle(source / "data_batch_1", {"data": data[:25], "labels": labels[:25]})
    with open(source / "data_batch_3", "wb") as file:
        pickle.dump({b"data": data[25:], b"labels": labels[25:]}, file)
    with pytest.raises(UserError, match="data_batch_2 is missing"):
        cifar.create_cifar10(tmp_path / "out", tmp_path)
    cifar.create_cifar10(tmp_path / "out", tmp_path, allow_partial=True)
    order = np.arange(40)
    np.random.RandomState(123).shuffle(order)
    made = Dataset(tmp_path / "out")
    np.testing.assert_array_equal(
        made.read(32, range(40)), data[order].reshape(40, 3, 32, 32).transpose(0, 2, 3, 1)
    )
    np.testing.assert_array_equal(made.labels.argmax(1), np.array(labels)[order])


@pytest.mark.parametrize(
    "batch, message",
    [
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, "one label from 0 to 9"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, "one label"),
        ({"data": np.zeros((2, 3000), np.uint8), "labels": [0, 1]}, "instead of uint8"),
        ({"data": np.zeros((2, 3072), np.int64), "labels": [0, 1]}, "instead of uint8"),
        ({"fine_labels": [0, 1]}, "lacks 'data' or 'labels'"),
        ([1, 2, 3], "lacks 'data' or 'labels'"),
    ],
)
def test_bad_cifar_batches_are_refused(tmp_path, batch, message):
    with open(tmp_path / "data_batch_1", "wb") as file:
        pickle.dump(batch, file)
    with pytest.raises(UserError, match=message):
        cifar.create_cifar10(tmp_path / "out", tmp_path, allow_partial=True)
    assert not (tmp_path / "out").exists()


def test_malicious_pickle_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "touched"), "w")

    with open(tmp_path / "data_batch_1", "wb") as file:
        pickle.dump({"data": Evil(), "labels": []}, file)
    with pytest.raises(UserError, match=r"data_batch_1 asks for \w+\.open, .*refused"):
        cifar.create_cifar10(tmp_path / "out", tmp_path, allow_partial=True)
    assert not (tmp_path / "touched").exists()


def test_svhn_pickles_and_matlab_give_the_same(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (30, 3, 32, 32)).astype(np.uint8)
    classes = np.arange(30) % 10
    pickles, matlab = tmp_path / "pickles", tmp_path / "matlab"
    pickles.mkdir()
    matlab.mkdir()
    for i in range(3):
        part = slice(10 * i, 10 * i + 10)
        made_up.python2_pickle(pickles / f"train_{i + 1}.pkl", (images[part], classes[part]))
    content = {"X": images.transpose(2, 3, 1, 0), "y": np.where(classes, classes, 10)[:, None]}
    scipy.io.savemat(
        matlab / "train_32x32.mat", {k: v.astype(np.uint8) for k, v in content.items()}
    )
    for source in (pickles, matlab):
        with pytest.raises(UserError, match="holds 30 images instead of 73257"):
            svhn.create(tmp_path / "out" / source.name, source)
        svhn.create(tmp_path / "out" / source.name, source, allow_partial=True)
        made = Dataset(tmp_path / "out" / source.name)
        order = np.arange(30)
        np.random.RandomState(123).shuffle(order)
        np.testing.assert_array_equal(made.read_checked(32, range(30)), images[order])
        np.testing.assert_array_equal(made.labels.argmax(1), classes[order])
    (matlab / "train_32x32.mat").write_bytes(b"MATLAB" * 100)
    with pytest.raises(UserError, match="can't be read"):
        svhn.create(tmp_path / "out2", matlab)
    with pytest.raises(UserError, match=r"train_32x32.mat is missing"):
        svhn.create(tmp_path / "out2", tmp_path)


def test_celeba_is_cropped_around_the_center(tmp_path):
    folder = tmp_path / "img_align_celeba_png"
    folder.mkdir()
    random = np.random.RandomState(0)
    faces = random.randint(0, 256, (5, 218, 178, 3)).astype(np.uint8)
    for i, face in enumerate(faces):
        made_up.save_png(folder / f"{i + 1:06d}.png", face)
    with pytest.raises(UserError, match=r"holds 5 \*.png files instead of 202599"):
        celeba.create(tmp_path / "out", tmp_path)
    celeba.create(tmp_path / "out", tmp_path, allow_partial=True, workers=1)
    order = np.arange(5)
    np.random.RandomState(123).shuffle(order)
    # +-64 pixels around (89, 121).
    expected = faces[order, 121 - 64 : 121 + 64, 89 - 64 : 89 + 64]
    np.testing.assert_array_equal(Dataset(tmp_path / "out").read(128, range(5)), expected)
    celeba.create(tmp_path / "other", tmp_path, 64, 154, allow_partial=True, workers=1)
    expected = faces[order, 90:218, :128]
    np.testing.assert_array_equal(Dataset(tmp_path / "other").read(128, range(5)), expected)
    with pytest.raises(UserError, match="leaves the image"):
        celeba.create(tmp_path / "x", tmp_path, 63, 121, allow_partial=True)
    made_up.save_png(folder / "000002.png", faces[0, :64])
    with pytest.raises(UserError, match=r"000002.png: RGB \(178, 64\) instead of"):
        celeba.create(tmp_path / "x", tmp_path, allow_partial=True, workers=1)
    with pytest.raises(UserError, match="has no folder img_align_celeba_png"):
        celeba.create(tmp_path / "x", tmp_path / "out")


def test_bad_lsun_databases_are_refused(tmp_path):
    with pytest.raises(UserError, match="is not an LMDB directory"):
        lsun.create(tmp_path / "out", tmp_path)
    (tmp_path / "data.mdb").write_bytes(b"x" * 20_000)
    with pytest.raises(UserError, match="can't be read"):
        lsun.create(tmp_path / "out", tmp_path)


def test_lsun_chunk_of_bad_entries_is_skipped_and_a_cut_file_refused(tmp_path, capsys):
    source = tmp_path / "lmdb"
    source.mkdir()
    good = io.BytesIO()
    Image.new("RGB", (20, 16)).save(good, "png")
    with lmdb.open(str(source), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for i in range(17):
            transaction.put(b"%08d" % i, good.getvalue() if i < 16 else b"not")
    assert lsun.create(tmp_path / "out", source, 16, workers=1) == (16, 1)
    assert "00000016" in capsys.readouterr().err

    data = (source / "data.mdb").read_bytes()
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "data.mdb").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"data\.mdb is cut short \(\d+ of \d+ bytes\)"):
        lsun.create(tmp_path / "other", cut, 16, workers=1)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("kept", [0, 8192])
def test_lsun_database_cut_short_while_being_read_is_reported(tmp_path, kept):
    """LMDB maps the file, and the system kills a process that reads a missing page."""
    source = tmp_path / "lmdb"
    with lmdb.open(str(source), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for i in range(100):
            transaction.put(b"%08d" % i, bytes(50_000))
    with lsun.reading(str(source)) as (count, entries):
        assert count == 100 and next(entries) == (b"00000000", bytes(50_000))
        os.truncate(source / "data.mdb", kept)
        with pytest.raises(UserError, match=r"lmdb is damaged, or changed while .*: .*again"):
            list(entries)


def test_lsun_out_of_memory_is_not_reported_as_damage(tmp_path, monkeypatch):
    reader = tmp_path / "reader.py"
    reader.write_text(f"import os\nos._exit({lsun_reader.OUT_OF_MEMORY})\n")
    monkeypatch.setattr(lsun_reader, "__file__", str(reader))
    with pytest.raises(MemoryError), lsun.reading(str(tmp_path)):
        pass


def test_lsun_counts_bad_entries_only_up_to_the_last_image_used(tmp_path):
    source = tmp_path / "lmdb"
    good = io.BytesIO()
    Image.new("RGB", (20, 16)).save(good, "png")
    with lmdb.open(str(source), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for i in range(17):
            transaction.put(b"%08d" % i, b"not" if i in (2, 7, 15, 16) else good.getvalue())
    # Entries are read 16 at a time, and the first 16 hold 13 good images.
    for wanted, made in (
        (2, (2, 0)), (5, (5, 1)), (6, (6, 1)), (7, (7, 2)), (13, (13, 2)), (100, (13, 4)),
    ):  # fmt: skip
        assert lsun.create(tmp_path / "out", source, 16, wanted, workers=1, force=True) == made


def test_lsun_names_twenty_bad_entries_and_counts_all(tmp_path, capsys):
    source = tmp_path / "lmdb"
    out = io.BytesIO()
    Image.new("RGB", (40, 32), (1, 2, 3)).save(out, "webp", lossless=True)
    with lmdb.open(str(source), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        for i in range(100):
            good = out.getvalue()
            transaction.put(b"%03d" % i, good if i % 4 else good[: len(good) // 2])
    assert lsun.create(tmp_path / "out", source, 16, workers=1) == (75, 25)
    printed = capsys.readouterr().err
    assert len(re.findall("left out: 0", printed)) == 20  # the others are only counted
    assert (Dataset(tmp_path / "out").read(16, range(75)) == [1, 2, 3]).all()

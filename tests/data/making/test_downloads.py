"""Official downloads are found unpacked or not, in other folders and under other names."""

import gzip
import io
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import lmdb
import made_up
import numpy as np
import pytest
import scipy.io
from PIL import Image

from pgan_tf.data import labels
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making import archives, celeba, cifar, lsun, mnist, svhn
from pgan_tf.errors import UserError

RANDOM = np.random.RandomState(0)
DIGITS = RANDOM.randint(0, 256, (7, 28, 28)).astype(np.uint8)
CLASSES = RANDOM.randint(0, 10, 7).astype(np.uint8)
PAGE = b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"


def idx(array):
    """Returns an array as an IDX file: 0, 0, 8 for uint8, number of axes, their lengths, data."""
    lengths = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()


def shuffled(array):
    """Returns an array in the official tool's order."""
    order = np.arange(len(array))
    np.random.RandomState(123).shuffle(order)
    return array[order]


def write_digits(directory, images, classes, packed):
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in ((images, DIGITS), (classes, CLASSES)):
        content = idx(array)
        (directory / name).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "folder, images, classes",
    [
        (".", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        (".", "train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("raw", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("MNIST/raw", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        (".", "images", "labels"),
    ],
)
def test_mnist_is_found_in_any_folder_packed_or_not(tmp_path, folder, images, classes, packed):
    write_digits(tmp_path / folder, images, classes, packed)
    test_images = idx(np.zeros((9, 28, 28), np.uint8))
    (tmp_path / folder / "t10k-images-idx3-ubyte").write_bytes(test_images)
    (tmp_path / folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(9, np.uint8)))
    for place in (tmp_path, tmp_path / folder, tmp_path / folder / images):
        found = mnist.read_digits(place, allow_partial=True)
        np.testing.assert_array_equal(found[:, 2:30, 2:30], DIGITS)
        np.testing.assert_array_equal(mnist.read_classes(place, 7), CLASSES)
    mnist.create(tmp_path / "out", tmp_path, allow_partial=True)
    data = Dataset(tmp_path / "out")
    np.testing.assert_array_equal(data.read(32, range(7))[:, 2:30, 2:30, 0], shuffled(DIGITS))
    np.testing.assert_array_equal(data.labels.argmax(1), shuffled(CLASSES))


def test_mnist_labels_come_from_the_file_that_fits_the_images(tmp_path):
    write_digits(tmp_path, "emnist-train-images-idx3", "emnist-train-labels-idx1", True)
    (tmp_path / "another-train-labels-idx1").write_bytes(idx(np.zeros(7, np.uint8)))
    np.testing.assert_array_equal(mnist.read_classes(tmp_path, 7), CLASSES)


@pytest.mark.parametrize("packed", [False, True])
def test_a_web_page_instead_of_mnist_is_named(tmp_path, packed):
    write_digits(tmp_path, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", True)
    page = gzip.compress(PAGE) if packed else PAGE
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(page)
    with pytest.raises(UserError, match=r"ubyte.gz is a web page, not MNIST; fetch it again from"):
        mnist.create(tmp_path / "out", tmp_path)


def test_mnist_test_digits_are_not_taken(tmp_path):
    write_digits(tmp_path, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", False)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is missing; https://"):
        mnist.read_digits(tmp_path, allow_partial=True)


# CIFAR.

IMAGES = RANDOM.randint(0, 256, (10, 3, 32, 32)).astype(np.uint8)
NAMES = [f"class {i}" for i in range(10)]


def pickled(value):
    return pickle.dumps(value, protocol=2)


def cifar_files(folder="cifar-10-batches-py"):
    """Returns {name in the archive: content} for two batches and the class names."""
    batches = [
        {b"data": IMAGES[i : i + 5].reshape(5, -1), b"labels": list(range(i, i + 5))}
        for i in (0, 5)
    ]
    contents = {"batches.meta": {b"label_names": [n.encode() for n in NAMES]}}
    contents |= {"data_batch_1": batches[0], "data_batch_2": batches[1]}
    return {f"{folder}/{name}": pickled(value) for name, value in contents.items()}


def write_tar(path, files, mode="w:gz", format=tarfile.GNU_FORMAT):
    with tarfile.open(path, mode, format=format) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def check_cifar(path):
    data = Dataset(path)
    np.testing.assert_array_equal(data.read_checked(32, range(10)), shuffled(IMAGES))
    np.testing.assert_array_equal(data.labels.argmax(1), shuffled(np.arange(10)))
    assert data.class_names == NAMES


@pytest.mark.parametrize(
    "name, mode", [("cifar-10-python.tar.gz", "w:gz"), ("cifar-10-python.tar", "w")]
)
@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_cifar_is_read_from_its_archive(tmp_path, name, mode, format):
    files = cifar_files("x" * 150)  # so long that tar needs an extra header for it
    write_tar(tmp_path / name, files | {"readme.html": b"text"}, mode, format)
    for number, place in enumerate((tmp_path, tmp_path / name)):
        cifar.create_cifar10(tmp_path / f"out{number}", place, allow_partial=True)
        check_cifar(tmp_path / f"out{number}")
    with pytest.raises(UserError, match=rf"{name}: data_batch_3 is missing"):
        cifar.create_cifar10(tmp_path / "out", tmp_path)
    with pytest.raises(UserError, match="holds no train; fetch the Python version"):
        cifar.create_cifar100(tmp_path / "out", tmp_path / name)


def test_cifar_is_read_unpacked(tmp_path):
    for name, content in cifar_files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder = tmp_path / "cifar-10-batches-py"
    for number, place in enumerate((tmp_path, folder, folder / "data_batch_1")):
        cifar.create_cifar10(tmp_path / f"out{number}", place, allow_partial=True)
        check_cifar(tmp_path / f"out{number}")
    (folder / "batches.meta").write_bytes(pickled({b"label_names": [b"too", b"few"]}))
    cifar.create_cifar10(tmp_path / "plain", tmp_path, allow_partial=True)
    assert not (tmp_path / "plain" / labels.CLASSES_FILE).exists()


def test_other_files_instead_of_cifar_are_named(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(PAGE)
    with pytest.raises(UserError, match=r"is a web page, not CIFAR's archive; fetch the Python"):
        cifar.create_cifar10(tmp_path / "out", tmp_path)
    with pytest.raises(UserError, match=r"is a web page, and its directory holds no CIFAR files"):
        cifar.create_cifar100(tmp_path / "out", path)
    path.write_bytes(write_tar(tmp_path / "x.tar.gz", cifar_files()).read_bytes()[:20_000])
    with pytest.raises(UserError, match=r"tar.gz is not a complete tar archive .*; fetch it again"):
        cifar.create_cifar10(tmp_path / "out", tmp_path)


# Hostile archives.


def test_only_wanted_regular_files_are_unpacked(tmp_path):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("wanted")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        hard = tarfile.TarInfo("wanted")
        hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
        archive.addfile(hard)
        for name, content in (("../../wanted", b"first"), ("wanted", b"second"), ("more", b"x")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with archives.unpacked(str(path), ["wanted", "absent"]) as directory:
        found = {file.name: file.read_bytes() for file in Path(directory).iterdir()}
    assert found == {"wanted": b"first"}


def header(kind, size, name="wanted"):
    """Returns a member's header without its content."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "content, reason",
    [
        (header(tarfile.REGTYPE, 1 << 40), "wanted declares 1,099,511,627,776 bytes"),
        (header(tarfile.REGTYPE, 1 << 40, "other"), "unpacks to more|cut short"),
        (header(tarfile.GNUTYPE_LONGNAME, 1 << 30), "a name declares 1,073,741,824 bytes"),
        (header(tarfile.XHDTYPE, 1 << 30), "a name declares"),
        (header(tarfile.REGTYPE, 9000) + bytes(600), "cut short"),
        (b"x" * 512, "bad checksum|invalid header"),
        (header(tarfile.REGTYPE, 0, "other") * 300, "more than 200 files"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_archives_that_declare_too_much_are_refused(tmp_path, monkeypatch, content, reason, packed):
    monkeypatch.setattr(archives, "_MAX_MEMBERS", 200)
    path = tmp_path / "evil.tar.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    with (
        pytest.raises(UserError, match=rf"not a complete tar archive \(.*({reason})"),
        archives.unpacked(str(path), ["wanted"]),
    ):
        pass


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_BYTES", 1 << 20)
    path = write_tar(tmp_path / "a.tar.gz", {"other": bytes(2 << 20)})
    with (
        pytest.raises(UserError, match="it unpacks to more than 1,048,576 bytes"),
        archives.unpacked(str(path), ["wanted"]),
    ):
        pass


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_damaged_archives_give_one_line(tmp_path, mode, format):
    files = {"x" * 150 + "/wanted": b"content", "other": bytes(700), "é": b"more"}
    path = tmp_path / "damaged.tar"
    whole = write_tar(path, files, mode, format).read_bytes()
    random = np.random.RandomState(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            content[random.randint(len(content))] = random.randint(256)
        path.write_bytes(
            content[: random.randint(len(content))] if random.rand() < 0.3 else content
        )
        try:
            with archives.unpacked(str(path), ["wanted"]) as directory:
                assert {file.name for file in Path(directory).iterdir()} <= {"wanted"}
            outcomes["read"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0


# SVHN.


def write_matlab(path):
    content = {"X": IMAGES.transpose(2, 3, 1, 0), "y": np.arange(1, 11, dtype=np.uint8)[:, None]}
    scipy.io.savemat(path, content)


def check_svhn(path):
    data = Dataset(path)
    np.testing.assert_array_equal(data.read_checked(32, range(10)), shuffled(IMAGES))
    np.testing.assert_array_equal(data.labels.argmax(1), shuffled(np.arange(1, 11) % 10))


def test_svhn_is_read_from_its_matlab_file(tmp_path):
    folder = tmp_path / "housenumbers"
    folder.mkdir()
    write_matlab(folder / "train_32x32.mat")
    shutil.copy(folder / "train_32x32.mat", tmp_path / "svhn.mat")
    write_tar(tmp_path / "a.tgz", {"f/train_32x32.mat": (tmp_path / "svhn.mat").read_bytes()})
    places = [tmp_path, folder, folder / "train_32x32.mat", tmp_path / "svhn.mat"]
    for number, place in enumerate([*places, tmp_path / "a.tgz"]):
        svhn.create(tmp_path / f"out{number}", place, allow_partial=True)
        check_svhn(tmp_path / f"out{number}")


def test_svhn_is_read_from_pickles(tmp_path):
    files = {}
    for i, part in enumerate((slice(0, 4), slice(4, 7), slice(7, 10)), 1):
        files[f"train_{i}.pkl"] = pickled((IMAGES[part], np.arange(1, 11)[part] % 10))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    write_tar(tmp_path / "svhn.tar", files, "w")
    for number, name in enumerate(("train_2.pkl", "svhn.tar")):
        svhn.create(tmp_path / f"out{number}", tmp_path / name, allow_partial=True)
        check_svhn(tmp_path / f"out{number}")


def test_svhn_in_format_1_is_refused_with_the_file_to_fetch(tmp_path):
    path = write_tar(tmp_path / "train.tar.gz", {"train/digitStruct.mat": b"x", "train/1.png": b""})
    with pytest.raises(UserError, match=r"format 1\); fetch train_32x32.mat from there \(format 2"):
        svhn.create(tmp_path / "out", path)


# CelebA and LSUN.


@pytest.mark.parametrize(
    "folder", ["img_align_celeba", "img_align_celeba/img_align_celeba", "Img/img_align_celeba"]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_celeba_is_found_in_folders_and_zip_files(tmp_path, folder, zipped):
    faces = RANDOM.randint(0, 256, (3, 218, 178, 3)).astype(np.uint8)
    source = tmp_path / "celeba"
    (source / folder).mkdir(parents=True)
    for i, face in enumerate(faces, 1):
        Image.fromarray(face).save(source / folder / f"{i:06d}.jpg", quality=95)
    decoded = [
        np.asarray(Image.open(source / folder / f"{i:06d}.jpg"))[57:185, 25:153] for i in (1, 2, 3)
    ]
    (source / folder / "Thumbs.db").write_text("no face")
    places = [source, source / folder]
    if zipped:
        (source / "Img").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
            for file in (source / folder).iterdir():
                archive.write(file, f"img_align_celeba/{file.name}")
        shutil.rmtree(source)
        places = [tmp_path, tmp_path / "img_align_celeba.zip"]
    for number, place in enumerate(places):
        out = tmp_path / f"out{number}"
        celeba.create(out, place, allow_partial=True, workers=1)
        found = Dataset(out).read(128, range(3))
        np.testing.assert_array_equal(found, shuffled(np.array(decoded)))


def test_lsun_is_found_beside_its_validation_set(tmp_path):
    source = tmp_path / "bedroom" / "bedroom_train_lmdb"
    source.mkdir(parents=True)
    out = io.BytesIO()
    Image.new("RGB", (20, 16)).save(out, "png")
    with lmdb.open(str(source), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        transaction.put(b"0", out.getvalue())
    shutil.copytree(source, source.with_name("bedroom_val_lmdb"))
    for number, place in enumerate((source, source / "data.mdb", source.parent)):
        assert lsun.create(tmp_path / f"out{number}", place, 16, workers=1) == (1, 0)
    shutil.copytree(source, source.with_name("tower_train_lmdb"))
    with pytest.raises(UserError, match="name one of them: bedroom_train_lmdb, tower_train_lmdb"):
        lsun.create(tmp_path / "out", source.parent, 16)
    with zipfile.ZipFile(tmp_path / "bedroom.zip", "w") as archive:
        archive.writestr("bedroom_train_lmdb/data.mdb", b"")
    with pytest.raises(UserError, match=r"unpack it with: python -m zipfile -e .*bedroom\.zip"):
        lsun.create(tmp_path / "out", tmp_path / "bedroom.zip", 16)


def test_declared_count_reads_the_header(tmp_path):
    made_up.mnist(tmp_path, count=3)
    assert mnist.declared_count(tmp_path) == 3

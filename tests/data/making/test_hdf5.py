"""HDF5 files; damaged ones, and ones that lead elsewhere, are refused in one line."""

import os
import signal
import subprocess
import sys
import zlib

import h5py
import made_up
import numpy as np
import pytest

from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making import hdf5, hdf5_reader
from pgan_tf.errors import UserError

PIXELS = made_up.noise(11, 8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images.h5"


def refused(path, match):
    """Asserts that a file is refused in one line that names it."""
    with pytest.raises(UserError, match=match) as caught:
        hdf5.create(path.parent / "out", path, workers=1)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < 1000
    assert not (path.parent / "out").exists()


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        hdf5.create(tmp_path / "out", tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(UserError, match="can't be read as HDF5"):
        hdf5.create(tmp_path / "out", tmp_path / "text.h5")
    for name, array, message in (
        ("data8x4", np.zeros((2, 3, 8, 4), np.uint8), "has no arrays"),
        ("data8x8", np.zeros((2, 3, 8, 8)), "is float64"),
        ("data8x8", np.zeros((2, 3, 8, 4), np.uint8), "instead of uint8"),
        ("data6x6", np.zeros((2, 3, 6, 6), np.uint8), "not a power of two"),
    ):
        path = tmp_path / f"{message[:5]}-{array.shape[-1]}.h5"
        with h5py.File(path, "w") as file:
            file[name] = array
        with pytest.raises(UserError, match=message):
            hdf5.create(tmp_path / "out", path)
    with h5py.File(tmp_path / "good.h5", "w") as file:
        file["data4x4"] = np.zeros((2, 3, 4, 4), np.uint8)
    np.save(tmp_path / "good-labels.npy", np.eye(3)[:1])
    with pytest.raises(UserError, match=r"holds 1 labels instead of 2$"):
        hdf5.create(tmp_path / "out", tmp_path / "good.h5")
    np.save(tmp_path / "good-labels.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(UserError, match="is not an array of numbers"):
        hdf5.create(tmp_path / "out", tmp_path / "good.h5")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (1, 3, 8, 8)},
        {"chunks": (4, 1, 8, 4), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": True, "compression": "lzf"},
        {"maxshape": (None, 3, 8, 8)},
    ],
    ids=str,
)
def test_reads_every_way_of_storing_images(path, options):
    with h5py.File(path, "w") as file:
        file.create_dataset("data8x8", data=PIXELS, **options)
    hdf5.create(path.parent / "out", path, shuffle=False, workers=1)
    np.testing.assert_array_equal(Dataset(path.parent / "out").read_checked(8, range(11)), PIXELS)


def test_two_worker_processes_read_the_same_file(path):
    pixels = made_up.noise(2000, 32)  # enough for two chunks of work
    with h5py.File(path, "w") as file:
        file["data32x32"] = pixels
    hdf5.create(path.parent / "out", path, workers=2)
    order = np.arange(2000)
    np.random.RandomState(123).shuffle(order)
    read = Dataset(path.parent / "out").read_checked(32, range(2000))
    np.testing.assert_array_equal(read, pixels[order])


def test_a_remote_file_is_copied(tmp_path):
    import tensorflow as tf

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data8x8"] = PIXELS
    with tf.io.gfile.GFile("ram://hdf5/x.h5", "wb") as file:
        file.write((tmp_path / "x.h5").read_bytes())
    hdf5.create(tmp_path / "out", "ram://hdf5/x.h5", shuffle=False, workers=1)
    np.testing.assert_array_equal(Dataset(tmp_path / "out").read_checked(8, range(11)), PIXELS)


def other_file(path):
    """Writes another file, whose content could pass for images; returns its path."""
    other = path.parent / "secret"
    with h5py.File(other, "w") as file:
        file["data8x8"] = PIXELS
    return str(other)


def test_external_storage_is_refused(path):
    secret = path.parent / "secret"
    secret.write_bytes(PIXELS.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("data8x8", PIXELS.shape, "u1", external=[(secret, 0, PIXELS.nbytes)])
        assert (file["data8x8"][:] == PIXELS).all()  # HDF5 itself follows it
    refused(path, "has the data of data8x8 in other files, which are not read")


def test_a_virtual_data_set_is_refused(path):
    layout = h5py.VirtualLayout(PIXELS.shape, "u1")
    layout[:] = h5py.VirtualSource(other_file(path), "data8x8", PIXELS.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("data8x8", layout)
        assert (file["data8x8"][:] == PIXELS).all()
    refused(path, "has the data of data8x8 in other files, which are not read")


@pytest.mark.parametrize(
    "link, match",
    [
        (lambda path: h5py.ExternalLink(other_file(path), "data8x8"), "a link to another file"),
        (lambda path: h5py.SoftLink("/data8x8"), "a link to another name"),  # a loop
        (lambda path: h5py.SoftLink("/real"), "a link to another name"),
    ],
)
def test_links_are_refused(path, link, match):
    with h5py.File(path, "w") as file:
        file["real"] = PIXELS
        file["data8x8"] = link(path)
    refused(path, f"has {match} in place of data8x8")


def test_a_group_instead_of_an_array_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_group("data8x8")
    refused(path, "holds something other than an array as data8x8")


@pytest.mark.parametrize(
    "shape, options, match",
    [
        ((1 << 40, 3, 8, 8), {"chunks": (1, 3, 8, 8)}, "declares 211106232532992 bytes of images"),
        ((1 << 40, 3, 8, 8), {"chunks": (1, 3, 8, 8), "compression": "gzip"}, "declares 2111062"),
        ((1 << 29, 3, 8, 8), {"chunks": (1, 3, 8, 8), "compression": "gzip"}, "declares 1030792"),
        ((11, 3, 8, 8), {"chunks": (1, 3, 8, 8), "compression": "gzip"}, "lacks images of data8x8"),
        ((2, 3, 8, 8), {}, "lacks images of data8x8"),
        (
            (0, 3, 8, 8),
            {"maxshape": (None, 3, 8, 8), "chunks": (1, 3, 8, 8)},
            "there are no images to write",
        ),
        ((11, 3, 8, 8), {"chunks": (1, 3, 8, 8), "scaleoffset": 0}, "filter that is not supported"),
    ],
)
def test_declared_images_without_data_are_refused(path, shape, options, match):
    with h5py.File(path, "w") as file:
        file.create_dataset("data8x8", shape, "u1", **options)
    if "no image" in match:
        with pytest.raises(UserError, match=match):
            hdf5.create(path.parent / "out", path, workers=1)
    else:
        refused(path, match)


def test_a_chunk_of_a_gigabyte_is_refused(path):
    with h5py.File(path, "w") as file:
        chunk = (1 << 23, 3, 8, 8)
        data = file.create_dataset("data8x8", (3, 3, 8, 8), "u1", maxshape=chunk, chunks=chunk)
        assert data.chunks == chunk
    refused(path, "has chunks of 1610612736 bytes in data8x8, but at most 67108864 are allowed")


def test_an_image_that_does_not_unpack_is_named(path):
    options = {"chunks": (1, 3, 8, 8), "compression": "gzip", "fletcher32": True}
    with h5py.File(path, "w") as file:
        array = file.create_dataset("data8x8", data=PIXELS, **options)
        offset = array.id.get_chunk_info(7).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 20 : offset + 40] = bytes(20)
    path.write_bytes(content)
    refused(path, "is damaged in image 7 of data8x8")


def test_a_root_of_many_objects_is_refused(path):
    with h5py.File(path, "w") as file:
        for i in range(10_001):
            file[f"{i}"] = h5py.SoftLink("/")
    refused(path, "holds 10001 objects")


@pytest.mark.slow
def test_any_damage_is_reported_in_one_line(path, tmp_path):
    with h5py.File(path, "w") as file:
        for r in (8, 4):
            file.create_dataset(f"data{r}x{r}", data=made_up.noise(3, r), compression="gzip")
    whole, random = path.read_bytes(), np.random.RandomState(1)
    outcomes = {"made": 0, "refused": 0}
    for i in range(12):
        damaged = bytearray(whole)
        for _ in range(random.randint(1, 5)):
            damaged[random.randint(len(damaged))] ^= 1 << random.randint(8)
        if i % 4 == 0:
            del damaged[random.randint(len(damaged)) :]
        path.write_bytes(damaged)
        try:
            hdf5.create(tmp_path / f"out{i}", path, workers=1)
            outcomes["made"] += 1
        except UserError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0


@pytest.mark.parametrize(
    "program, match",
    [
        ("import os; os.kill(os.getpid(), 11)", "the process that read it ended with status -11"),
        ("import os; os.kill(os.getpid(), 14)", "the process that read it took longer than 60 s"),
        ("print(7)", "ended with status"),
        ("""print('{"error": "is odd\\\\n\\\\nand long"}')""", "images.h5 is odd and long"),
    ],
)
def test_any_failure_of_the_reader_is_reported_in_one_line(path, monkeypatch, program, match):
    path.write_bytes(b"")
    reader = path.parent / "reader.py"
    reader.write_text(program)
    monkeypatch.setattr(hdf5_reader, "__file__", str(reader))
    refused(path, match)


def test_a_reader_killed_between_images_is_reported(path):
    with h5py.File(path, "w") as file:
        file["data8x8"] = PIXELS
    images = hdf5.Images(str(path), str(path))
    np.testing.assert_array_equal(images.read(np.array([3, 0])), PIXELS[[3, 0]])
    os.kill(images._process.pid, signal.SIGSEGV)
    with pytest.raises(UserError, match="ended with status -11"):
        images.read(np.array([1]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there it can be limited")
def test_the_reader_has_limited_memory(path, pytestconfig):
    """A chunk that declares 16 MiB unpacks to 400 MiB."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    zeros = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    with h5py.File(path, "w") as file:
        options = {"chunks": (1, 1, 4096, 4096), "compression": 9}
        array = file.create_dataset("data4096x4096", (1, 1, 4096, 4096), "u1", **options)
        array.id.write_direct_chunk((0, 0, 0, 0), b"\x78\xda" + zeros * 25)
    program = (
        "import resource; from pgan_tf.data.making import hdf5, hdf5_reader\n"
        f"hdf5_reader.MOST_MEMORY = 100 << 20; images = hdf5.Images({str(path)!r}, 'images.h5')\n"
        "try:\n    images.read(hdf5.np.array([0]))\nexcept hdf5.UserError as error:\n"
        "    images.close()\n"
        "    print(error, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=pytestconfig.rootpath, capture_output=True, text=True
    )
    message, megabytes = done.stdout.split("|")
    assert message.startswith("images.h5 is damaged in image 0 of data4096x4096")
    assert int(megabytes) < 200  # including 40 for Python and the libraries

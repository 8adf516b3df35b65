"""MATLAB files against SciPy's writer; damaged ones are refused without taking memory."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io

from pgan_tf.data.making import matlab
from pgan_tf.errors import UserError

IMAGES = np.random.RandomState(0).randint(0, 256, (32, 32, 3, 7)).astype(np.uint8)
CLASSES = np.array([[1], [10], [3], [4], [5], [6], [9]], np.uint8)


def saved(compress=True, **arrays):
    out = io.BytesIO()
    scipy.io.savemat(out, arrays, do_compression=compress)
    return out.getvalue()


def read(content, names=("X", "y"), most_bytes=1 << 24):
    return matlab.read_arrays(io.BytesIO(content), names, most_bytes)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "array",
    [
        IMAGES,
        CLASSES,
        np.arange(24.0).reshape(2, 3, 4),
        np.array([[1]], np.uint8),  # so small that it is stored inside its tag
        np.array([[-5, 6]], np.int16),
        np.arange(70_000, dtype=np.int64)[None],
        np.zeros((0, 3), np.float32),
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_reads_what_scipy_writes(array, compress):
    other = np.arange(9, dtype=np.int8)[None]
    found = read(saved(compress, first=other, y=array, last=other), ["y"])
    assert found.keys() == {"y"} and found["y"].dtype == array.dtype
    np.testing.assert_array_equal(found["y"], array)


def test_reads_big_endian_files():
    parts = [
        struct.pack(">IIII", 6, 8, 9, 0),  # flags: uint8
        struct.pack(">IIii", 5, 8, 2, 3),
        struct.pack(">HH4s", 1, 1, b"y\0\0\0"),  # the name, inside its tag
        struct.pack(">II6sxx", 2, 6, b"abcdef"),
    ]
    matrix = struct.pack(">II", 14, sum(map(len, parts))) + b"".join(parts)
    content = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI" + matrix
    assert read(content, ["y"])["y"].tolist() == [[97, 99, 101], [98, 100, 102]]


@pytest.mark.parametrize("kind", [np.uint8, np.float64, np.int32])
def test_house_numbers_become_images_and_classes(tmp_path, kind):
    (tmp_path / "x.mat").write_bytes(saved(X=IMAGES, y=CLASSES.astype(kind)))
    images, classes = matlab.read_house_numbers(str(tmp_path / "x.mat"), "its home")
    np.testing.assert_array_equal(images, IMAGES.transpose(3, 2, 0, 1))
    assert classes.tolist() == [1, 0, 3, 4, 5, 6, 9] and classes.dtype.kind in "iu"


def test_damaged_house_numbers_are_refused(tmp_path):
    path = tmp_path / "x.mat"
    for content in (b"", b"MATLAB" * 100, saved(X=IMAGES, y=CLASSES)[:-400], saved(X=IMAGES)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"x.mat can't be read \(it .*; fetch it .* its home$"):
            matlab.read_house_numbers(str(path), "its home")
    with pytest.raises(UserError, match="Is a directory"):
        matlab.read_house_numbers(str(tmp_path), "its home")


def refused(content, match, most_bytes=1 << 20):
    """Asserts that content is refused without taking more memory than `most_bytes`."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=match):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


WHOLE = saved(compress=False, X=IMAGES, y=CLASSES)


@pytest.mark.parametrize(
    "content, match",
    [
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(400), "version 7.3; save it"),
        (WHOLE[:124] + b"\0\3IM" + WHOLE[128:], "not a MATLAB file of version 5"),
        (WHOLE[:3000], "cut short"),
        (WHOLE[:128], "no variable X"),
        (WHOLE.replace(struct.pack("<4i", 32, 32, 3, 7), struct.pack("<4i", 32, 32, 3, 8)), "not"),
        (WHOLE.replace(struct.pack("<4i", 32, 32, 3, 7), struct.pack("<4i", -1, 1, 1, 1)), "not"),
        (WHOLE.replace(struct.pack("<4i", 32, 32, 3, 7), struct.pack("<4i", *[1 << 30] * 4)), "no"),
        (saved(X=["text"], y=CLASSES), "not an array of numbers"),
        (saved(X=1j * np.ones((3, 3)), y=CLASSES), "not an array of numbers"),
    ],
)
def test_damage_is_refused_without_taking_memory(content, match):
    refused(content, match)


def packed(content):
    """Returns a file with one packed variable."""
    content = zlib.compress(content)
    return WHOLE[:128] + struct.pack("<II", 15, len(content)) + content


def test_data_that_unpack_to_more_than_declared_are_refused():
    variable = WHOLE[128 : 128 + 56]  # X up to the tag of its numbers
    assert variable[-8:] == b"\1\0\1\0X\0\0\0"
    tag = struct.pack("<II", 2, 32 * 32 * 3 * 7)
    numbers = IMAGES.tobytes(order="F")
    good = packed(variable + tag + numbers)
    np.testing.assert_array_equal(read(good, ["X"])["X"], IMAGES)
    refused(packed(variable + tag + numbers + bytes(1 << 24)), "more than its dimensions say")
    refused(packed(bytes(1 << 24)), "damaged")
    huge = variable.replace(struct.pack("<i", 7), struct.pack("<i", 1 << 12))
    content = packed(huge + struct.pack("<II", 2, 32 * 32 * 3 << 12) + bytes(1 << 24))
    with pytest.raises(ValueError, match="X has 12582912 bytes, but at most 1048576 are allowed"):
        read(content, ["X"], most_bytes=1 << 20)


def test_a_wrong_checksum_of_packed_data_is_found():
    content = bytearray(saved(X=IMAGES))
    content[-1] ^= 1
    with pytest.raises(ValueError, match="packed data are damaged"):
        read(content, ["X"])


def test_files_of_many_variables_are_not_searched_to_the_end():
    tiny = saved(compress=False, z=np.zeros((1, 1), np.uint8))
    refused(tiny + tiny[128:] * 3000, "no variable X")


def test_any_damage_raises_only_value_error():
    random = np.random.RandomState(0)
    wholes = [WHOLE, saved(X=IMAGES[..., :2], y=CLASSES)]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(1500):
        damaged = bytearray(wholes[random.randint(2)])
        for _ in range(random.randint(1, 4)):
            # Half of the damage goes to the beginning, where most tags are.
            anywhere = random.rand() < 0.5
            position = random.randint(128, len(damaged)) if anywhere else random.randint(100, 200)
            damaged[position] = random.randint(256)
        try:
            read(bytes(damaged))
            outcomes["read"] += 1
        except ValueError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100

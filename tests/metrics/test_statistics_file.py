import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import statistics_file
from metrics.statistics_file import read_statistics
from pgan_tf.errors import UserError


@pytest.fixture(autouse=True)
def few_features(monkeypatch):
    monkeypatch.setattr(statistics_file, "NUM_FEATURES", 6)
    monkeypatch.setattr(statistics_file, "_SHAPES", {"mu": (6,), "sigma": (6, 6)})


def gaussian(seed=0):
    x = np.random.default_rng(seed).standard_normal((20, 6))
    return {"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_numpy_writes_is_read(tmp_path, save, dtype):
    arrays = {name: array.astype(dtype) for name, array in gaussian().items()}
    arrays["sigma"] = np.asfortranarray(arrays["sigma"])
    save(tmp_path / "cats.npz", arr_0=np.zeros(3), **arrays)
    found = read_statistics(tmp_path / "cats.npz")
    assert found.name == "cats.npz" and found.num_images is None
    np.testing.assert_array_equal(found.arrays["mean"], arrays["mu"])
    np.testing.assert_array_equal(found.arrays["covariance"], arrays["sigma"])
    assert found.arrays["covariance"].dtype == np.float64


def changed(**arrays):
    return {**gaussian(), **arrays}


@pytest.mark.parametrize(
    "arrays,words",
    [
        ({"mu": np.zeros(6)}, "sigma is missing"),
        ({"features": np.zeros((9, 6))}, "mu is missing"),
        (changed(mu=np.zeros(5)), r"mu is float64 \[5\]"),
        (changed(mu=np.zeros(7)), r"mu is float64 \[7\]"),
        (changed(sigma=np.zeros((6, 7))), r"sigma is float64 \[6, 7\]"),
        (changed(sigma=np.zeros((900, 900))), "sigma declares 6,480,128 bytes"),
        (changed(mu=np.zeros(6, int)), r"mu is int64 \[6\]"),
        (changed(mu=np.zeros(6, complex)), "mu is complex128"),
        (changed(mu=np.array([None] * 6)), "mu is not an array: its header"),
        (changed(mu=np.full(6, np.nan)), "not finite"),
        (changed(sigma=-np.eye(6)), "not a covariance"),
        (changed(sigma=np.triu(np.ones((6, 6)))), "not a covariance"),
    ],
)
def test_other_arrays_are_refused_in_one_line(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=words) as error:
        read_statistics(tmp_path / "x.npz")
    assert str(error.value).startswith(f"{tmp_path / 'x.npz'} ") and "\n" not in str(error.value)


def header(shape, dtype="<f8"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


def write_zip(path, mu, sigma=b"", packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("mu.npy", mu)
        archive.writestr("sigma.npy", sigma)


@pytest.mark.parametrize(
    "mu,words",
    [
        (header((6,)), r"0 bytes don't make float64 of shape \[6\]"),
        (header((1 << 50,)), r"0 bytes don't make float64 of shape \[1125899906842624\]"),
        (header((6,)) + bytes(49), r"49 bytes don't make float64 of shape \[6\]"),
        (header((6,), "O") + bytes(48), "its header does not describe an array of numbers"),
        (b"GIF89a" + bytes(60), "does not begin like one"),
        (b"\x93NUMPY\1\0\xff\xff" + b"(" * 65535, "mu declares"),
        (b"\x93NUMPY\1\0\0\x0f" + b"(" * 3840, "no usable statistics"),
        (b"", "no usable statistics"),
    ],
)
def test_false_headers_are_refused(tmp_path, mu, words):
    write_zip(tmp_path / "x.npz", mu)
    with pytest.raises(UserError, match=words) as error:
        read_statistics(tmp_path / "x.npz")
    assert "\n" not in str(error.value)


def test_no_more_is_unpacked_than_the_arrays_need(tmp_path, monkeypatch):
    write_zip(tmp_path / "x.npz", bytes(1 << 20), packing=zipfile.ZIP_DEFLATED)
    taken = []
    read = zipfile.ZipExtFile.read
    monkeypatch.setattr(
        zipfile.ZipExtFile, "read", lambda self, n=-1: taken.append(n) or read(self, n)
    )
    with pytest.raises(UserError, match="mu declares 1,048,576 bytes"):
        read_statistics(tmp_path / "x.npz")
    assert taken == []
    content = (
        (tmp_path / "x.npz").read_bytes().replace((1 << 20).to_bytes(4, "little"), b"\x40\0\0\0")
    )
    (tmp_path / "x.npz").write_bytes(content)  # it declares 64 bytes now
    with pytest.raises(UserError, match="no usable statistics"):
        read_statistics(tmp_path / "x.npz")
    assert taken and max(taken) < 5000
    write_zip(tmp_path / "x.npz", bytes(64), packing=zipfile.ZIP_LZMA)
    with pytest.raises(UserError, match="compression that NumPy does not write"):
        read_statistics(tmp_path / "x.npz")


def test_damaged_and_other_files_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **gaussian())
    whole = path.read_bytes()
    for content in (whole[:300], whole[:-30], b"no zip file", b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="holds no usable statistics"):
            read_statistics(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="holds no usable statistics"):
        read_statistics(path)
    with pytest.raises(UserError, match="can't be read: No such file"):
        read_statistics(tmp_path / "nothing.npz")


def packed(save):
    file = io.BytesIO()
    save(file, **gaussian())
    return file.getvalue()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([packed(np.savez), packed(np.savez_compressed)]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=5),
    st.integers(0, 2000),
)
def test_mutated_files_are_read_or_refused(tmp_path_factory, content, changes, cut):
    path = tmp_path_factory.getbasetemp() / "mutated.npz"
    content = bytearray(content)
    for place, difference in changes:
        content[place % len(content)] ^= difference
    path.write_bytes(content[: cut if cut > 1000 else None])
    try:
        arrays = read_statistics(path).arrays
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert arrays["mean"].shape == (6,) and np.isfinite(arrays["covariance"]).all()

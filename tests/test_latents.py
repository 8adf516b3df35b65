"""Latents in .npy files; other files are refused in one line."""

import numpy as np
import pytest

from pgan_tf import latents
from pgan_tf.errors import UserError


def test_written_latents_are_read_back(tmp_path):
    z = latents.from_seeds([3, 4], 6)
    latents.write(tmp_path / "z.npy", z)
    found = latents.read(tmp_path / "z.npy", 6)
    np.testing.assert_array_equal(found, z)
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), z)
    assert found.dtype == np.float32
    both = latents.read_all([tmp_path / "z.npy", tmp_path / "z.npy"], 6)
    np.testing.assert_array_equal(both, np.concatenate([z, z]))
    assert latents.read_all([], 6).shape == (0, 6)


@pytest.mark.parametrize("array", [np.arange(3), np.arange(6.0).reshape(2, 3), np.float16([1] * 3)])
def test_other_number_types_and_a_single_latent_are_read(array, tmp_path):
    np.save(tmp_path / "z.npy", array)
    found = latents.read(tmp_path / "z.npy", 3)
    np.testing.assert_array_equal(found, array.reshape(-1, 3).astype(np.float32))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 5)), r"has the shape \[2, 5\]; for this network, .* numbers \[n, 4\]$"),
        (np.zeros((0, 4)), r"has the shape \[0, 4\]"),
        (np.float32(1), r"has the shape \[\]"),
        (np.array([["a"] * 4]), "holds <U1, not real numbers"),
        (np.ones((1, 4), complex), "holds complex128, not real numbers"),
        (np.ones((1, 4), bool), "holds bool, not real numbers"),
        (np.array([[0, 1, np.nan, 2]]), "infinite, too large or NaN"),
        (np.array([[0, 1, 1e300, 2]]), "infinite, too large or NaN"),
        (np.array([[0, 1, 1.1e6, 2]]), "infinite, too large or NaN"),
        (b"\x93NUMPY", "is damaged or not a .npy file: it does not begin like one; latents are"),
        (b"PK\3\4 and so on", "it does not begin like one"),
    ],
)
def test_other_arrays_and_files_are_refused(array, message, tmp_path):
    path = tmp_path / "z.npy"
    if isinstance(array, bytes):
        path.write_bytes(array)
    else:
        np.save(path, array)
    with pytest.raises(UserError, match=message) as error:
        latents.read(path, 4)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_missing_and_too_large_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"none\.npy can't be read: No such file or directory"):
        latents.read(tmp_path / "none.npy", 4)
    with pytest.raises(UserError, match="can't be read: Is a directory; latents are a"):
        latents.read(tmp_path, 4)
    np.save(tmp_path / "z.npy", np.zeros((9, 4)))
    monkeypatch.setattr(latents, "_MOST_BYTES", 100)
    with pytest.raises(UserError, match="has more than 0 MiB"):
        latents.read(tmp_path / "z.npy", 4)

import os
from pathlib import Path

import numpy as np
import pytest

from metrics.cache import Cache


def test_arrays_are_loaded_only_for_their_key(tmp_path):
    cache = Cache(tmp_path / "cache")
    key = {"dataset": "abc", "count": 7}
    assert cache.load(key) is None
    arrays = {"a": np.arange(6.0).reshape(2, 3), "16": np.float32([1, 2])}
    cache.save(key, arrays)
    found = cache.load(dict(reversed(key.items())))
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert cache.load({**key, "count": 8}) is None


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_loaded_arrays_do_not_depend_on_their_files(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("metrics.cache._IN_MEMORY", in_memory)
    cache = Cache(tmp_path)
    arrays = {
        "a": np.arange(30_000.0).reshape(100, 300),
        "turned": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "one": np.float32(3),
    }
    cache.save({"k": 1}, arrays)
    found = cache.load({"k": 1})
    for file in tmp_path.rglob("*.npy"):  # a mapped array would lose its end
        os.truncate(file, 100)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype
    assert cache.load({"k": 1}) is None


def test_damaged_entries_are_replaced(tmp_path):
    cache = Cache(tmp_path)
    cache.save({"k": 1}, {"a": np.zeros(3)})
    (file,) = tmp_path.rglob("a.npy")
    file.write_bytes(b"x")
    assert cache.load({"k": 1}) is None
    cache.save({"k": 1}, {"a": np.ones(3), "b": np.ones(2)})
    next(tmp_path.rglob("b.npy")).unlink()
    assert cache.load({"k": 1}) is None
    cache.save({"k": 1}, {"a": np.ones(3)})
    np.testing.assert_array_equal(cache.load({"k": 1})["a"], 1)
    (key,) = tmp_path.rglob("key.json")
    for text in ("[" * 100_000, "3", "{}", '{"key": 1', "\0"):
        key.write_text(text)
        assert cache.load({"k": 1}) is None, text[:10]


def test_another_process_saving_the_same_entry_is_harmless(tmp_path, monkeypatch):
    cache, rename = Cache(tmp_path), os.rename

    def after_another(source, target):
        monkeypatch.setattr(os, "rename", rename)
        Cache(tmp_path).save({"k": 1}, {"a": np.ones(3)})
        rename(source, target)

    monkeypatch.setattr(os, "rename", after_another)
    cache.save({"k": 1}, {"a": np.ones(3)})
    np.testing.assert_array_equal(cache.load({"k": 1})["a"], 1)
    (entry,) = (tmp_path / "statistics").iterdir()
    # Another process has just renamed a partial entry that this one listed:
    monkeypatch.setattr(Path, "glob", lambda *_: [entry.with_name(".gone")])
    cache.save({"k": 2}, {"a": np.ones(3)})
    assert cache.load({"k": 2}) is not None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(type(error)):
        Cache(tmp_path).save({"k": 1}, {"a": np.zeros(3)})
    assert [p for p in tmp_path.rglob("*") if p.name != "statistics"] == []


def test_large_arrays_are_backed_by_a_file_without_a_name(tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    small = cache.allocate((10, 3))
    assert not isinstance(small, np.memmap) and small.dtype == np.float32
    monkeypatch.setattr("metrics.cache._IN_MEMORY", 100)
    large = cache.allocate((10, 3))
    assert isinstance(large, np.memmap) and large.shape == (10, 3)
    large[:] = 7
    assert large.sum() == 210
    assert list((tmp_path / "cache").iterdir()) == []

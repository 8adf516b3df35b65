"""A cache of statistics on disk, and file-backed memory for arrays too large for RAM."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pgan_tf import npy
from pgan_tf.errors import DamagedError
from pgan_tf.files import read_json, write_text

_FORMAT = 2
_STALE = 24 * 3600  # seconds without a change after which a partial entry counts as abandoned
_IN_MEMORY = 256 << 20  # bytes of the largest array that is kept in RAM
_WRITTEN_BYTES = 1 << 20  # bytes written at a time


class Cache:
    """Arrays stored by key, one directory per key: `<directory>/statistics/<hash of the key>/`.

    An entry is written under a temporary name and renamed, so it exists whole or not at all.

    Args:
      directory: the cache directory; created on the first write.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    def load(self, key: Mapping) -> dict[str, np.ndarray] | None:
        """Returns the arrays of a key, or None if there is no readable entry.

        They are read into memory from `allocate`, not mapped: truncating a mapped file would
        kill the process.
        """
        entry = self._entry(key)
        try:
            about = read_json(entry / "key.json")
            if about["key"] != self._full_key(key):
                return None
            return {name: self._read(entry / f"{name}.npy") for name in about["arrays"]}
        except (OSError, ValueError, TypeError, LookupError, DamagedError):
            return None

    def _read(self, path: Path) -> np.ndarray:
        """Returns the array of a `.npy` file. Raises: ValueError; OSError."""
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = npy.header(file.read(npy.LONGEST_START), size)
            is_transposed = header.order == "F"
            shape = header.shape[::-1] if is_transposed else header.shape
            array = self.allocate(shape, header.dtype)
            file.seek(header.start)
            if file.readinto(array.reshape(-1).view(np.uint8)) != header.num_bytes:
                raise ValueError(f"{path} became shorter while it was read")
        return array.T if is_transposed else array

    def save(self, key: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes an entry, replacing an existing one.

        Raises: OSError, for example when the disk is full; nothing half-written stays.
        """
        entry = self._entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        for leftover in entry.parent.glob(".*"):  # of processes that were killed
            with contextlib.suppress(FileNotFoundError):  # another process just finished it
                if time.time() - leftover.stat().st_mtime > _STALE:
                    shutil.rmtree(leftover, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        try:
            for name, array in arrays.items():
                np.save(partial / f"{name}.npy", array, allow_pickle=False)
            about = {"key": self._full_key(key), "arrays": list(arrays)}
            write_text(partial / "key.json", json.dumps(about))
            shutil.rmtree(entry, ignore_errors=True)
            try:
                os.rename(partial, entry)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                # Another process has just saved the same arrays.
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def allocate(self, shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
        """Returns an uninitialised array; a large one is backed by a nameless temporary file.

        The file is freed with the array.

        Raises: OSError, for example when the disk is full.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size <= _IN_MEMORY:
            return np.empty(shape, dtype)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            scratch = self.directory if os.access(self.directory, os.W_OK) else None
        except OSError:
            scratch = None  # the system's temporary directory
        with tempfile.TemporaryFile(dir=scratch) as file:
            if hasattr(os, "posix_fallocate"):  # a full disk raises now instead of crashing later
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for start in range(0, size, _WRITTEN_BYTES):
                    file.write(bytes(min(_WRITTEN_BYTES, size - start)))
                file.flush()
            return np.memmap(file, dtype, "r+", shape=shape)

    def _entry(self, key: Mapping) -> Path:
        text = json.dumps(self._full_key(key), sort_keys=True)
        return self.directory / "statistics" / hashlib.sha256(text.encode()).hexdigest()[:24]

    @staticmethod
    def _full_key(key: Mapping) -> dict:
        return {"format": _FORMAT, **key}

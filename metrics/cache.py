"""Statistics kept on disk, and memory for those too large to keep in RAM."""

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
_STALE = 24 * 3600  # seconds without a change after which nobody goes on writing an entry
_IN_MEMORY = 256 << 20  # bytes of an array that is kept in RAM
_WRITTEN_BYTES = 1 << 20  # at a time


class Cache:
    """Arrays under a key, one directory each: `<directory>/statistics/<hash of the key>/`.

    Entries are written beside their place and renamed, so that one is there whole or not at all.

    Args:
      directory: is made when something is first written.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    def load(self, key: Mapping) -> dict[str, np.ndarray] | None:
        """Returns the arrays, or None when there is no (readable) entry.

        They are read into memory of `allocate`, not mapped: a file that is cut short while it is
        mapped would end the process.
        """
        entry = self._entry(key)
        try:
            about = read_json(entry / "key.json")
            if about["key"] != self._full(key):
                return None
            return {name: self._read(entry / f"{name}.npy") for name in about["arrays"]}
        except (OSError, ValueError, TypeError, LookupError, DamagedError):
            return None

    def _read(self, path: Path) -> np.ndarray:
        """Returns the array of a `.npy` file. Raises: ValueError; OSError."""
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = npy.header(file.read(npy.LONGEST_START), size)
            is_turned = header.order == "F"
            shape = header.shape[::-1] if is_turned else header.shape
            array = self.allocate(shape, header.dtype)
            file.seek(header.start)
            if file.readinto(array.reshape(-1).view(np.uint8)) != header.num_bytes:
                raise ValueError(f"{path} became shorter while it was read")
        return array.T if is_turned else array

    def save(self, key: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes an entry, replacing one that couldn't be read.

        Raises: OSError, such as for a full disk; nothing half-written stays.
        """
        entry = self._entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        for left in entry.parent.glob(".*"):  # by a process that was killed
            with contextlib.suppress(FileNotFoundError):  # another process has just ended one
                if time.time() - left.stat().st_mtime > _STALE:
                    shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        try:
            for name, array in arrays.items():
                np.save(partial / f"{name}.npy", array, allow_pickle=False)
            about = {"key": self._full(key), "arrays": list(arrays)}
            write_text(partial / "key.json", json.dumps(about))
            shutil.rmtree(entry, ignore_errors=True)
            try:
                os.rename(partial, entry)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                # Another process was faster, and has saved the same.
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def allocate(self, shape: tuple[int, ...], dtype: np.dtype | type = np.float32) -> np.ndarray:
        """Returns memory; large arrays are backed by a file without a name, which goes with them.

        Raises: OSError, such as for a full disk.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size <= _IN_MEMORY:
            return np.empty(shape, dtype)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            scratch = self.directory if os.access(self.directory, os.W_OK) else None
        except OSError:
            scratch = None  # the system's own place
        with tempfile.TemporaryFile(dir=scratch) as file:
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, no crash later
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for start in range(0, size, _WRITTEN_BYTES):
                    file.write(bytes(min(_WRITTEN_BYTES, size - start)))
                file.flush()
            return np.memmap(file, dtype, "r+", shape=shape)

    def _entry(self, key: Mapping) -> Path:
        text = json.dumps(self._full(key), sort_keys=True)
        return self.directory / "statistics" / hashlib.sha256(text.encode()).hexdigest()[:24]

    @staticmethod
    def _full(key: Mapping) -> dict:
        return {"format": _FORMAT, **key}

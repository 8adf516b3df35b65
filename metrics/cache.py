"""Statistics kept on disk, and memory for those too large to keep in RAM."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pgan_tf.files import write_text

_FORMAT = 2
_STALE = 24 * 3600  # seconds without a change after which nobody goes on writing an entry
_IN_MEMORY = 256 << 20  # bytes of an array that is kept in RAM


class Cache:
    """Arrays under a key, one directory each: `<directory>/statistics/<hash of the key>/`.

    Entries are written beside their place and renamed, so that one is there whole or not at all.

    Args:
      directory: is made when something is first written.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    def load(self, key: Mapping) -> dict[str, np.ndarray] | None:
        """Returns the arrays, mapped from disk, or None when there is no (readable) entry."""
        entry = self._entry(key)
        try:
            about = json.loads((entry / "key.json").read_text())
            if about["key"] != self._full(key):
                return None
            return {
                name: np.load(entry / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in about["arrays"]
            }
        except (OSError, ValueError, EOFError, TypeError, LookupError):
            return None

    def save(self, key: Mapping, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes an entry, replacing one that couldn't be read.

        Raises: OSError, such as for a full disk; nothing half-written stays.
        """
        entry = self._entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        for left in entry.parent.glob(".*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}.", dir=entry.parent))
        try:
            for name, array in arrays.items():
                np.save(partial / f"{name}.npy", array, allow_pickle=False)
            about = {"key": self._full(key), "arrays": list(arrays)}
            write_text(partial / "key.json", json.dumps(about))
            shutil.rmtree(entry, ignore_errors=True)
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.rename(partial, entry)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def allocate(self, shape: tuple[int, ...]) -> np.ndarray:
        """Returns float32 memory; large arrays are backed by a file that goes with them."""
        size = int(np.prod(shape)) * 4
        if size <= _IN_MEMORY:
            return np.empty(shape, np.float32)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            scratch = self.directory if os.access(self.directory, os.W_OK) else None
        except OSError:
            scratch = None  # the system's own place
        with tempfile.TemporaryFile(dir=scratch) as file:
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, no crash later
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return np.memmap(file, np.float32, "r+", shape=shape)

    def _entry(self, key: Mapping) -> Path:
        text = json.dumps(self._full(key), sort_keys=True)
        return self.directory / "statistics" / hashlib.sha256(text.encode()).hexdigest()[:24]

    @staticmethod
    def _full(key: Mapping) -> dict:
        return {"format": _FORMAT, **key}

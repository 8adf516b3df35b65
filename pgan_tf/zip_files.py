"""Zip files from outside: their list of files is bounded before it takes memory.

Python's reader makes an object of a kilobyte of each 46 bytes of the list, however many files it
declares.
"""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

MOST_LIST_BYTES = 1 << 20  # of an archive of arrays: some ten thousand of them
MOST_PICTURES_LIST_BYTES = 1 << 28
MOST_FILES = 2_000_000  # whose list may have but 46 bytes each, and half a kilobyte in memory

_ENTRY = b"PK\1\2"  # begins each entry of the list

DAMAGE = (
    ValueError, LookupError, EOFError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip
"""What Python's reader raises when a zip file, or a file in it, is not what it should be."""


class _Listed:
    """A file of which no more than `most_bytes` are read at once; None lifts that.

    Raises: zipfile.BadZipFile when more is asked for.
    """

    def __init__(self, file: BinaryIO, most_bytes: int | None):
        self._file, self.most_bytes = file, most_bytes

    def read(self, size: int = -1) -> bytes:
        if self.most_bytes is not None and size > self.most_bytes:
            raise zipfile.BadZipFile(
                f"its list of files takes {size:,} bytes; at most {self.most_bytes:,} are read"
            )
        content = self._file.read(size)
        if self.most_bytes is not None and content.count(_ENTRY) > MOST_FILES:
            raise zipfile.BadZipFile(f"it lists more than {MOST_FILES:,} files")
        return content

    def __getattr__(self, name: str):
        return getattr(self._file, name)


@contextlib.contextmanager
def opened(
    source: str | os.PathLike | BinaryIO, most_list_bytes: int = MOST_LIST_BYTES
) -> Iterator[zipfile.ZipFile]:
    """Opens a zip file for reading.

    Args:
      source: the path, or an open file, which stays open.
      most_list_bytes: of the list of files at the end of the zip file.
    Raises: `DAMAGE` when the list is longer or damaged; OSError.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            source = stack.enter_context(open(source, "rb"))
        file = _Listed(source, most_list_bytes)
        archive = stack.enter_context(zipfile.ZipFile(file))
        file.most_bytes = None
        yield archive

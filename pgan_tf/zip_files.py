"""Opening of untrusted zip files: their list of files is limited before it takes memory.

Python's reader makes an object of about a kilobyte for every 46 bytes of the list, without a limit.
"""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

MOST_LIST_BYTES = 1 << 20  # list of an archive of arrays: about ten thousand of them
MOST_PICTURES_LIST_BYTES = 1 << 28  # list of an archive of pictures
MOST_FILES = 2_000_000  # a file takes as few as 46 bytes in the list, half a kilobyte in memory

_ENTRY = b"PK\1\2"  # the beginning of each entry of the list

DAMAGE = (
    ValueError, LookupError, EOFError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip
"""Errors that Python's reader raises when a zip file, or a file in it, is damaged."""


class _Listed:
    """A zip file whose list is limited while it is opened.

    Args:
      file: the zip file.
      most_bytes: most bytes that one call may read, also an attribute; None: no limit.
    Raises: zipfile.BadZipFile when a call asks for more, or the list has too many files.
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
      most_list_bytes: size of the list of files at the end of the zip file, at most.
    Raises: an error of `DAMAGE` when the list is too long or damaged; OSError.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            source = stack.enter_context(open(source, "rb"))
        file = _Listed(source, most_list_bytes)
        archive = stack.enter_context(zipfile.ZipFile(file))
        file.most_bytes = None
        yield archive

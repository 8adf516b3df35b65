"""Extracts files from tar archives, by name only and within limits on size and number."""

import contextlib
import gzip
import os
import posixpath
import re
import tarfile
import tempfile
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO

from pgan_tf.data import storage
from pgan_tf.errors import UserError, one_line

_MAX_FILE_BYTES = 512 << 20  # size of an extracted file
_MAX_BYTES = 2 << 30  # size of an archive, unpacked
_MAX_MEMBERS = 500_000
_MAX_NAME_BYTES = 64 << 10  # size of the extra header of a member with a long name
_CHUNK_BYTES = 1 << 20
_PAX_PATH = re.compile(rb"\d+ path=([^\n]*)\n")


@contextlib.contextmanager
def unpacked(path: str, names: Collection[str]) -> Iterator[str]:
    """Extracts the named files of a tar archive and yields their temporary directory.

    Members' folders are ignored, the first of several members with the same name is taken, and
    links, devices and sparse files are skipped. So nothing in the archive decides where a file is
    written. UserErrors from the block name the archive instead of the temporary directory.

    Args:
      path: the archive, with or without gzip compression.
      names: names of the wanted files, without folders. Files that the archive lacks are skipped.
    Raises: UserError when the archive is damaged, or larger than any data set's archive.
    """
    with tempfile.TemporaryDirectory() as directory:
        _extract(path, set(names), directory)
        try:
            yield directory
        except UserError as error:
            raise UserError(str(error).replace(directory + os.sep, f"{path}: ")) from None


def _extract(path: str, names: set[str], directory: str) -> None:
    try:
        with storage.open_binary(path) as file, _content(file) as content:
            for name, size in _members(content):
                if name not in names:
                    content.skip(size)
                    continue
                if size > _MAX_FILE_BYTES:
                    raise tarfile.ReadError(f"{name} declares {size:,} bytes")
                with open(os.path.join(directory, name), "xb") as target:
                    for chunk in content.chunks(size):
                        target.write(chunk)
                names.remove(name)
                if not names:
                    break
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(
            f"{path} is not a complete tar archive ({one_line(error)}); fetch it again"
        ) from None


class _Content:
    """Reads an archive from beginning to end, up to a limit on its unpacked size."""

    def __init__(self, file: BinaryIO):
        self._file, self._left = file, _MAX_BYTES

    def read(self, size: int) -> bytes:
        """Returns exactly `size` bytes. Raises: EOFError, tarfile.ReadError."""
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {_MAX_BYTES:,} bytes")
        content = self._file.read(size)
        if len(content) != size:
            raise EOFError("it is cut short")
        return content

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yields the next `size` bytes in pieces, then skips to the next header."""
        for start in range(0, size, _CHUNK_BYTES):
            yield self.read(min(_CHUNK_BYTES, size - start))
        self.read(-size % tarfile.BLOCKSIZE)

    def skip(self, size: int) -> None:
        """Skips `size` bytes and goes on to the next header."""
        for _ in self.chunks(size):
            pass


@contextlib.contextmanager
def _content(file: BinaryIO) -> Iterator[_Content]:
    """Yields the tar archive's content, decompressed if the file is compressed."""
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    with gzip.GzipFile(fileobj=file) if is_packed else contextlib.nullcontext(file) as plain:
        yield _Content(plain)


def _members(content: _Content) -> Iterator[tuple[str, int]]:
    """Yields each ordinary file's (name without folders, size); the caller must read its bytes.

    Python's `tarfile` is not used, because it reads names and maps of holes of any declared size.
    """
    long_name = None
    for _ in range(_MAX_MEMBERS):
        try:
            header = content.read(tarfile.BLOCKSIZE)
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.EOFHeaderError:  # a block of zeros, at the end
            return
        if member.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
            if member.size > _MAX_NAME_BYTES:
                raise tarfile.ReadError(f"a name declares {member.size:,} bytes")
            text = b"".join(content.chunks(member.size))
            if member.type == tarfile.XHDTYPE:
                match = _PAX_PATH.search(text)
                text = match[1] if match else b""
            long_name = text.rstrip(b"\0").decode("utf-8", "replace") or long_name
        elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            yield posixpath.basename(long_name or member.name), member.size
            long_name = None
        else:
            content.skip(member.size)
            long_name = None
    raise tarfile.ReadError(f"it holds more than {_MAX_MEMBERS:,} files")

"""A tree of image files: a directory, local or reached by `tf.io.gfile`, or a zip file."""

import bz2
import functools
import io
import itertools
import os
import posixpath
import re
import shlex
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import numpy as np

from pgan_tf import zip_files
from pgan_tf.data import contents, storage
from pgan_tf.data.pictures.formats import SUFFIXES, UNREAD_SUFFIXES, BadImage
from pgan_tf.errors import UserError, nearest

_MAX_FILE_BYTES = 1 << 30  # of one file, unpacked
_ENCRYPTED = 1  # flag bit of a zip entry
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and the extra field
_HIDDEN = re.compile(r"(?:^|/)(?:\.|__MACOSX)")
_READ = frozenset(("", *SUFFIXES))
_UNREAD = frozenset(UNREAD_SUFFIXES)
_DRIVE = re.compile("[A-Za-z]:")
_ENTRY = np.dtype(
    [("start", "<u8"), ("packed", "<u8"), ("size", "<u8"), ("crc", "<u4"), ("method", "<u2"),
     ("flags", "<u2")]
)  # fmt: skip


class Entry(NamedTuple):
    """The place of a file in a zip file, and how it is packed.

    Attributes:
      start: offset of its header.
      packed, size: its size in bytes, packed and unpacked.
      crc: checksum of its content.
      method: the zip file format's number of the compression method.
      flags: the zip file format's flag bits.
    """

    start: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int


class Member(NamedTuple):
    """A file of a tree, with all that `read_file` needs, so other processes need no listing.

    Attributes:
      name: path relative to the root, with "/".
      entry: its place in the zip file; None in a directory.
    """

    name: str
    entry: Entry | None = None


class Tree:
    """The files below a directory or in a zip file, sorted by name.

    Files without a suffix count as images. Hidden files, and the files that a Mac adds to a zip
    file, are ignored. A million files take about 100 MB of memory; listing them in a zip file takes
    700 MB.

    Attributes:
      root: the directory or zip file.
      images: names of the image files, sorted.
      unread: names of image files in formats that can't be read, sorted.
      others: names of the other files, sorted.
    Raises: UserError when the root does not exist, is of another kind, or is a damaged zip file,
      and when a name in the zip file leads outside it.
    """

    def __init__(self, root: str | os.PathLike):
        self.root = os.fspath(root)
        self._entries: np.ndarray | None = None
        if storage.is_dir(self.root):
            names = storage.walk(self.root)
            chosen = range(len(names))
        elif not storage.exists(self.root):
            parent, name = storage.split(self.root)
            near = nearest(name, storage.names(parent)) if storage.is_dir(parent) else ""
            raise UserError(
                f"{self.root} does not exist{near}; name a directory or zip file of images"
            )
        elif not storage.is_remote(self.root) and not os.path.isfile(self.root):
            raise UserError(f"{self.root} is neither a directory nor a zip file of images")
        else:
            _require_zip(self.root)
            names, self._entries = _list_zip(self.root)
            chosen = sorted(range(len(names)), key=names.__getitem__)
            for i, j in itertools.pairwise(chosen):
                if names[i] == names[j]:
                    raise UserError(f"{self.root} holds {names[i]!r} more than once; pack it again")
        visible = [i for i in chosen if not _HIDDEN.search(names[i])]
        kinds: tuple[list[int], ...] = ([], [], [])  # images, unread, others
        for i in visible:
            suffix = posixpath.splitext(names[i])[1].lower()
            kinds[0 if suffix in _READ else 1 if suffix in _UNREAD else 2].append(i)
        self.images, self.unread, self.others = ([names[i] for i in kind] for kind in kinds)
        if self._entries is not None:
            self._entries = self._entries[np.array([i for kind in kinds for i in kind], int)]

    def members(self, indices: Iterable[int]) -> list[Member]:
        """Returns image files by their indices in `images`."""
        return [self._member(self.images[i], i) for i in indices]

    def find(self, name: str) -> Member | None:
        """Returns the file, of any kind, with this name; None if there is none."""
        first = 0
        for names in (self.images, self.unread, self.others):
            if name in names:
                return self._member(name, first + names.index(name))
            first += len(names)
        return None

    def _member(self, name: str, index: int) -> Member:
        return Member(name, None if self._entries is None else Entry(*self._entries[index].item()))


def read_file(root: str, member: Member) -> bytes:
    """Returns the bytes of a file that a Tree lists. Raises: BadImage."""
    if member.entry is not None:
        return _read_entry(root, member.entry)
    path = storage.join(root, member.name)
    try:
        if not storage.is_remote(path) and not os.path.isfile(path):
            raise BadImage("not a regular file, or a broken link")
        if storage.size(path) > _MAX_FILE_BYTES:
            raise BadImage(f"has {storage.size(path)} bytes, which is too many")
        with storage.open_binary(path) as file:
            return file.read()
    except OSError as error:
        raise BadImage(f"can't be read: {error.strerror or error}") from None


def _read_entry(root: str, entry: Entry) -> bytes:
    """Returns the bytes of a zip file's entry: at most its declared size, and with checked CRC."""
    if entry.flags & _ENCRYPTED:
        raise BadImage("encrypted")
    if max(entry.size, entry.packed) > _MAX_FILE_BYTES:
        raise BadImage(f"declares {entry.size} bytes, which is too many")
    try:
        with _reading:
            file = _opened(root, _stamp(root))
            file.seek(entry.start)
            signature, *lengths = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            file.seek(entry.start + _LOCAL_HEADER.size + sum(lengths))
            packed = file.read(entry.packed)
        if signature != b"PK\3\4" or len(packed) != entry.packed:
            raise ValueError("not at the offset in the zip file's list")
        if entry.method == zipfile.ZIP_STORED:
            content = packed
        elif entry.method == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
        elif entry.method == zipfile.ZIP_BZIP2:
            content = bz2.BZ2Decompressor().decompress(packed, entry.size + 1)
        else:
            raise BadImage(f"packed by method {entry.method}; pack it by deflate or store")
        if len(content) != entry.size or zlib.crc32(content) != entry.crc:
            raise ValueError("wrong size or checksum")
    except (OSError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise BadImage(f"damaged in the zip file: {error}") from None
    return content


_reading = threading.Lock()  # threads share the opened file's position


def _stamp(path: str) -> tuple[int, ...]:
    """Returns a key that changes when another file takes the place of this one."""
    if storage.is_remote(path):
        return ()
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


@functools.lru_cache(maxsize=2)
def _opened(path: str, stamp: tuple[int, ...]) -> BinaryIO:
    return storage.open_binary(path)


def plain_name(name: str) -> str:
    """Returns a file's name with "/" for the "\\" of some Windows programs, and without "."."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part != ".")


def _require_zip(path: str) -> None:
    """Raises UserError for a file of a known kind other than zip.

    Unknown kinds pass: a zip file may begin with anything, as it is read from its end.
    """
    kind = contents.kind_of(contents.head_of(path))
    what = f"{path} is {kind}, neither a directory nor a zip file of images"
    if contents.is_tar(path):
        folder = re.sub(r"\.(tar|tar\.gz|tgz)$", "", path, flags=re.I)
        raise UserError(
            f"{what}; unpack it with: python -m tarfile -e {shlex.quote(path)}"
            f" {shlex.quote(folder if folder != path else path + '-files')}"
        )
    if kind in ("a RAR archive", "a 7z archive"):
        raise UserError(f"{what}; unpack it, and name the directory")
    if posixpath.splitext(path)[1].lower() in SUFFIXES + UNREAD_SUFFIXES:
        raise UserError(f"{path} is a picture; name the directory that holds it, or a zip file")


def _list_zip(path: str) -> tuple[list[str], np.ndarray]:
    """Returns the names and entries of a zip file's files, in the zip file's order."""
    try:
        with (
            storage.open_binary(path) as file,
            zip_files.opened(file, zip_files.MOST_PICTURES_LIST_BYTES) as archive,
        ):
            found = archive.infolist()
    except (OSError, MemoryError):
        raise
    except Exception as error:  # zipfile raises a dozen kinds of errors
        raise UserError(
            f"{path} is neither a directory nor a complete zip file ({error})"
        ) from None
    # The names are collected as one string. As small strings they would lie among the objects of
    # `found`, which are five times as large, and keep their memory from being freed.
    text, entries, count = io.StringIO(), np.empty(len(found), _ENTRY), 0
    for info in found:
        name = plain_name(info.filename)
        if ".." in name.split("/") or name.startswith("/") or _DRIVE.match(name):
            raise UserError(
                f"{path} holds {info.filename!r}, a name that leads outside it; get it from a"
                " source that you trust"
            )
        if not name.endswith("/"):
            try:
                entries[count] = (
                    info.header_offset, info.compress_size, info.file_size, info.CRC,
                    info.compress_type, info.flag_bits,
                )  # fmt: skip
            except OverflowError:  # for example an offset before the file's start
                raise UserError(f"{path} is not a complete zip file; fetch it again") from None
            text.write(f"{name}\0")  # zipfile cuts names at the first \0
            count += 1
    del found, archive
    return text.getvalue().split("\0")[:-1], entries[:count]

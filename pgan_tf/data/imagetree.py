"""A tree of image files: a directory, here or where `tf.io.gfile` reaches, or a zip file."""

import collections
import functools
import os
import posixpath
import zipfile

from pgan_tf.cli import UserError
from pgan_tf.data import storage
from pgan_tf.data.imagefile import SUFFIXES, BadImage

_MAX_FILE_BYTES = 1 << 30  # of one file, unpacked
_ENCRYPTED = 1  # flag bit of a zip entry


def list_files(root: str) -> tuple[list[str], list[str]]:
    """Returns (image files, other files) below a directory or in a zip file, sorted.

    Names are relative to the root, with "/". Files without a suffix count as images; hidden
    files, and what a Mac adds to a zip, don't count at all.

    Raises: UserError when there is no such place, the zip file is damaged, or a name in it leads
      outside of it.
    """
    if storage.is_dir(root):
        names = storage.walk(root)
    elif not storage.exists(root):
        raise UserError(f"{root} does not exist; name a directory or zip file of images")
    else:
        names = _zip_names(root)
    names = [
        name
        for name in names
        if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    ]
    images = [name for name in names if posixpath.splitext(name)[1].lower() in ("", *SUFFIXES)]
    chosen = set(images)
    return images, [name for name in names if name not in chosen]


def read_file(root: str, name: str) -> bytes:
    """Returns the bytes of a file that list_files named. Raises: BadImage."""
    if storage.is_dir(root):
        path = storage.join(root, name)
        try:
            if not storage.is_remote(path) and not os.path.isfile(path):
                raise BadImage("no regular file, or a link that leads nowhere")
            if storage.size(path) > _MAX_FILE_BYTES:
                raise BadImage(f"has {storage.size(path)} bytes, which is too many")
            with storage.open_binary(path) as file:
                return file.read()
        except OSError as error:
            raise BadImage(f"can't be read: {error.strerror or error}") from None
    archive = _archive(root)
    entry = archive.getinfo(name)
    if entry.flag_bits & _ENCRYPTED:
        raise BadImage("encrypted")
    if entry.file_size > _MAX_FILE_BYTES:
        raise BadImage(f"declares {entry.file_size} bytes, which is too many")
    try:
        return archive.read(entry)  # at most the declared size, and its checksum is checked
    except Exception as error:  # zipfile raises a dozen kinds
        raise BadImage(f"damaged in the zip file: {error}") from None


@functools.lru_cache(maxsize=4)
def _archive(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(storage.open_binary(path))
    except OSError:
        raise
    except Exception as error:  # zipfile raises a dozen kinds
        raise UserError(f"{path} is no complete zip file ({error}); fetch it again") from None


def _zip_names(path: str) -> list[str]:
    names = []
    for entry in _archive(os.fspath(path)).infolist():
        parts = entry.filename.split("/")
        if ".." in parts or entry.filename.startswith("/") or "\\" in entry.filename:
            raise UserError(
                f"{path} names {entry.filename!r}, which leads outside of it; no honest file does"
            )
        if not entry.is_dir():
            names.append(entry.filename)
    if len(set(names)) < len(names):
        repeated = next(name for name, count in collections.Counter(names).items() if count > 1)
        raise UserError(f"{path} holds {repeated!r} more than once; pack it anew")
    return sorted(names)

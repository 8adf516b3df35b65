"""Access to local files and to those that `tf.io.gfile` reaches (gs://, hdfs://, ram://, ...).

TensorFlow, which takes seconds to import, is not needed for local paths.
"""

import os
import posixpath
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pgan_tf import devices, npy
from pgan_tf.errors import UserError


def is_remote(path: str | os.PathLike) -> bool:
    """Returns whether the path has a scheme, so that only `tf.io.gfile` can open it."""
    return "://" in os.fspath(path)


def is_private(path: str | os.PathLike) -> bool:
    """Returns whether the path is in this process's memory, where no other process can read it."""
    return os.fspath(path).startswith("ram://")


def _gfile():
    if "tensorflow" not in sys.modules:
        devices.load_tensorflow()
    from tensorflow.io import gfile

    return gfile


def join(directory: str | os.PathLike, name: str) -> str:
    """Returns the path of `name` in the directory."""
    directory = os.fspath(directory)
    return (
        posixpath.join(directory, name) if is_remote(directory) else os.path.join(directory, name)
    )


def split(path: str | os.PathLike) -> tuple[str, str]:
    """Returns (parent directory, last name); `data/x/`, `.` and `..` have a last name too."""
    path = os.fspath(path)
    if is_remote(path):
        scheme, rest = path.rstrip("/").split("://", 1)
        parent, name = posixpath.split(rest)
        if not parent or not name:
            raise UserError(f"{path} does not name a directory below a bucket or root")
        return f"{scheme}://{parent}", name
    return os.path.split(os.path.abspath(path))


def is_dir(path: str) -> bool:
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def exists(path: str) -> bool:
    return _gfile().exists(path) if is_remote(path) else os.path.lexists(path)


def names(directory: str) -> list[str]:
    """Returns the sorted names of a directory's entries."""
    found = _gfile().listdir(directory) if is_remote(directory) else os.listdir(directory)
    return sorted(_existing(directory, [name.rstrip("/") for name in found]))


def _existing(directory: str, listed: list[str]) -> list[str]:
    """Returns the listed names that are in the directory.

    ram:// also lists files of neighbours whose names begin with the directory's name.
    """
    if not is_private(directory):
        return listed
    return [name for name in set(listed) if exists(join(directory, name))]


def walk(directory: str) -> list[str]:
    """Returns the sorted relative names, with "/", of all files below a directory.

    Links to directories are followed; a directory that is reached twice is listed once.
    """

    def unreadable(error):
        raise error

    found, seen = [], set()
    for place, below, files in (
        _gfile().walk(directory)
        if is_remote(directory)
        else os.walk(directory, onerror=unreadable, followlinks=True)
    ):
        below.sort()
        real = place if is_remote(directory) else os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below = place[len(directory) :].replace(os.sep, "/").strip("/")
        found.extend(posixpath.join(below, file) for file in _existing(place, files))
    return sorted(found)


def size(path: str) -> int:
    """Returns the file's size in bytes."""
    return _gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def open_binary(path: str, mode: str = "r") -> BinaryIO:
    """Opens a file for reading ("r") or writing ("w") bytes."""
    return _gfile().GFile(path, mode + "b") if is_remote(path) else open(path, mode + "b")


def read_array(path: str) -> np.ndarray:
    """Returns the array in a NumPy `.npy` file.

    Raises: ValueError when the file is damaged or of another kind; OSError when it can't be read.
    """
    try:
        with open_binary(path) as file:
            content = file.read()
    except (OSError, MemoryError):
        raise
    except Exception as error:  # TensorFlow's own kinds
        raise OSError(str(error) or type(error).__name__) from None
    return npy.read(content)


def make_dirs(path: str) -> None:
    if is_remote(path):
        _gfile().makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def remove_tree(path: str) -> None:
    """Deletes a directory and everything in it; if the path is a link, only the link."""
    if is_private(path):
        for name in walk(path):
            _gfile().remove(join(path, name))
        try:
            _gfile().rmtree(path)
        except Exception as error:  # a neighbour's name begins with this one's: nothing is left
            if type(error).__name__ != "NotFoundError":
                raise
    elif is_remote(path):
        _gfile().rmtree(path)
    elif os.path.islink(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)


def rename_dir(old: str, new: str) -> None:
    """Gives a directory its final name; `new` must not exist, or be an empty directory.

    A local directory is renamed in one step. Object stores can't do that; there the files are
    moved one by one.
    """
    if not is_remote(old):
        flush(os.path.dirname(new))
        os.rename(old, new)
        flush(os.path.dirname(new))
        return
    gfile = _gfile()
    gfile.makedirs(new)
    # The 4x4 level last: a data set without it is refused, so one moved only in part is noticed.
    for name in sorted(names(old), key=lambda name: "-r02" in name):
        gfile.rename(join(old, name), join(new, name), overwrite=True)
    remove_tree(old)


def flush(path: str | os.PathLike) -> None:
    """Makes the system write a local file's data, or a directory's names, to the disk."""
    if os.name == "posix":  # elsewhere a directory can't be opened
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def readable_size(num_bytes: float) -> str:
    """Returns a size for people: "36.9 MB"."""
    for unit in ("bytes", "kB", "MB"):
        if num_bytes < 1000:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:,.2f} GB"


def free_bytes(path: str) -> int | None:
    """Returns the free bytes on the disk where a path is or will be; None for remote paths."""
    if is_remote(path):
        return None
    place = Path(os.path.abspath(path))
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free

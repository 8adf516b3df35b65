"""Files on this machine, or wherever `tf.io.gfile` reaches (gs://, hdfs://, ram://, ...).

Local paths never need TensorFlow, which takes seconds to import.
"""

import os
import posixpath
import shutil
from pathlib import Path
from typing import BinaryIO


def is_remote(path: str | os.PathLike) -> bool:
    """Returns whether only `tf.io.gfile` can open the path: it names a scheme."""
    return "://" in os.fspath(path)


def _gfile():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
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
        return posixpath.split(path.rstrip("/"))
    return os.path.split(os.path.abspath(path))


def is_dir(path: str) -> bool:
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def exists(path: str) -> bool:
    return _gfile().exists(path) if is_remote(path) else os.path.lexists(path)


def names(directory: str) -> list[str]:
    """Returns the sorted names of what the directory holds."""
    found = _gfile().listdir(directory) if is_remote(directory) else os.listdir(directory)
    return sorted(name.rstrip("/") for name in found)


def walk(directory: str) -> list[str]:
    """Returns the sorted names, relative and with "/", of all files below a directory."""
    found = []
    for place, _, files in _gfile().walk(directory) if is_remote(directory) else os.walk(directory):
        below = place[len(directory) :].replace(os.sep, "/").strip("/")
        found.extend(posixpath.join(below, file) for file in files)
    return sorted(found)


def size(path: str) -> int:
    """Returns the file's size in bytes."""
    return _gfile().stat(path).length if is_remote(path) else os.path.getsize(path)


def open_binary(path: str, mode: str = "r") -> BinaryIO:
    """Opens a file for reading ("r") or writing ("w") of bytes."""
    return _gfile().GFile(path, mode + "b") if is_remote(path) else open(path, mode + "b")


def make_dirs(path: str) -> None:
    if is_remote(path):
        _gfile().makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def remove_tree(path: str) -> None:
    """Deletes a directory and everything in it."""
    if is_remote(path):
        _gfile().rmtree(path)
    else:
        shutil.rmtree(path)


def rename_dir(old: str, new: str) -> None:
    """Gives a directory its final name; `new` is absent or an empty directory.

    On this machine it happens at once. Object stores have no such operation: there the files
    are moved one by one.
    """
    if not is_remote(old):
        flush(os.path.dirname(new))
        os.rename(old, new)
        flush(os.path.dirname(new))
        return
    gfile = _gfile()
    gfile.makedirs(new)
    for name in names(old):
        gfile.rename(join(old, name), join(new, name), overwrite=True)
    gfile.rmtree(old)


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
    """Returns the free space where the local path is, or will be; None where it has no end."""
    if is_remote(path):
        return None
    place = Path(os.path.abspath(path))
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free

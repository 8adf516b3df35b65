"""Files of networks: one reader per format, chosen by the file's content (section 7)."""

import os
from collections.abc import Callable
from pathlib import Path

from pgan_tf import run
from pgan_tf.errors import DamagedError, UserError, nearest
from pgan_tf.snapshots import foreign, native, pickled
from pgan_tf.snapshots.native import save_snapshot
from pgan_tf.snapshots.parts import NetworkParts, Parts, Snapshot, build

__all__ = [
    "READERS",
    "NetworkParts",
    "Parts",
    "Snapshot",
    "build",
    "load_snapshot",
    "locate",
    "read_parts",
    "save_snapshot",
]

READERS: list[tuple[Callable[[bytes], bool], Callable[[Path], Parts]]] = [
    (native.is_native, native.read),
    (pickled.is_pickle, pickled.read),
]
"""Pairs of a test of a file's first bytes and the reader to use when it is passed."""

_HEAD = 512  # number of bytes that show a file's format


def load_snapshot(path: str | os.PathLike, dtype: str = "float32") -> Snapshot:
    """Loads networks from a file, or from the newest snapshot of a run.

    Args:
      path: `network-snapshot-NNNNNN.npz`, a `.pkl` of the official programs, `results/NNN-…`, or
        a directory of runs.
      dtype: Keras dtype policy of the networks.
    Raises: DamagedError when the file is missing or damaged; UserError when there is no snapshot or
      the file can't be read.
    """
    path = locate(path)
    return build(read_parts(path), path, dtype)


def locate(path: str | os.PathLike) -> Path:
    """Returns the file that a path means: itself, or the newest snapshot of a run.

    Args:
      path: see `load_snapshot`.
    Raises: DamagedError when the file is missing; UserError when there is no snapshot.
    """
    path = Path(path)
    if path.is_dir() or not (path.exists() or path.suffix in (".npz", ".pkl")):
        path = run.newest_snapshot(path)
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        near = nearest(path.name, [other.name for other in beside])
        raise DamagedError(f"no snapshot at {path}{near}; name a snapshot's file, or a run")
    return path


def read_parts(path: str | os.PathLike) -> Parts:
    """Reads a file of networks with the reader for its content.

    Raises: DamagedError when the file is missing or damaged; UserError when it can't be read.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise DamagedError(f"no snapshot at {path}") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    foreign.refuse_known(path, head)
    for knows, read in READERS:
        if knows(head):
            return read(path)
    raise DamagedError(f"{path} is damaged or not a snapshot")

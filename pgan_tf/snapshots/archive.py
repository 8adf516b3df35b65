"""The file format of snapshots and training states: arrays with a JSON header.

The file is an uncompressed NumPy archive whose member `meta` holds the header as UTF-8 bytes.
"""

import contextlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pgan_tf import npy, zip_files
from pgan_tf.errors import DamagedError, UserError, one_line
from pgan_tf.files import atomic_path, parse_json

DAMAGE = (
    ValueError, TypeError, LookupError, AttributeError, EOFError, SyntaxError, RecursionError,
    OverflowError, NotImplementedError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Errors that Python's, NumPy's and Keras's readers raise for a damaged file.

Errors for a lack of memory, in the computer or the GPU, and for Ctrl-C are not among them.
"""


@contextlib.contextmanager
def saving_arrays(
    path: str | os.PathLike, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> Iterator[None]:
    """Writes arrays and a header, atomically, and then runs the block.

    The file is on the disk before the block, and gets its name when the block succeeds.
    """
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(path) as partial:
        with open(partial, "wb") as file:
            np.savez(file, meta=text, **arrays)
        yield


def load_arrays(
    path: str | os.PathLike, kind: str, versions: range
) -> tuple[dict[str, np.ndarray], dict]:
    """Reads a file that `saving_arrays` wrote, and compares the archive's checksums.

    Args:
      path: the file.
      kind: "snapshot" or "training state"; the header's format is "pgan_tf <kind> <version>".
      versions: the versions that the caller can read.
    Returns: arrays by name, and the header, with "format" replaced by the version's number.
    Raises:
      DamagedError: the file is missing, damaged, or of another kind.
      UserError: the file can't be read, or is of another version.
    """
    try:
        arrays = _read_members(path)
        meta = parse_json(arrays.pop("meta").tobytes(), path)
        format_name = str(meta["format"])
    except FileNotFoundError:
        raise DamagedError(f"no {kind} at {path}") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or one_line(error)}") from None
    except (*DAMAGE, DamagedError) as error:
        raise DamagedError(f"{path} is damaged or not a {kind} ({one_line(error)})") from None
    for version in versions:
        if format_name == f"pgan_tf {kind} {version}":
            return arrays, {**meta, "format": version}
    if format_name.startswith(f"pgan_tf {kind} ") and len(format_name) < 80:
        raise UserError(
            f"{path} is from another version of this program: its format is {format_name!r}, and"
            f" this version reads {versions[0]} to {versions[-1]}; use that version, or train again"
        )
    raise DamagedError(f"{path} is damaged or not a {kind}")


def _read_members(path: str | os.PathLike) -> dict[str, np.ndarray]:
    arrays = {}
    with zip_files.opened(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it declares more than it holds")  # a zip bomb; ours aren't compressed
        if any(info.flag_bits & 1 for info in archive.infolist()):
            raise ValueError("it is marked as encrypted")
        for name in archive.namelist():
            # Reading whole members checks their checksums; their sizes were checked above.
            arrays[name.removesuffix(".npy")] = npy.read(archive.read(name))
    return arrays


def is_finite(array: np.ndarray) -> bool:
    """Returns True if the array holds floating-point numbers that are all finite in float32."""
    with np.errstate(over="ignore"):
        return array.dtype.kind == "f" and bool(
            np.isfinite(array.astype(np.float32, copy=False)).all()
        )

"""Arrays with a JSON header in one file: what snapshots and training states are kept in.

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
"""What Python's, NumPy's and Keras's readers raise when a file is not what it should be.

A lack of memory, of the computer's or of the GPU's, and Ctrl-C are none of these.
"""


@contextlib.contextmanager
def saving_arrays(
    path: str | os.PathLike, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> Iterator[None]:
    """Writes arrays and a header, atomically.

    The file has its name when the block has succeeded; it is on the disk before.
    """
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(path) as partial:
        with open(partial, "wb") as file:
            np.savez(file, meta=text, **arrays)
        yield


def load_arrays(
    path: str | os.PathLike, kind: str, versions: range
) -> tuple[dict[str, np.ndarray], dict]:
    """Reads what `saving_arrays` wrote; the archive's checksums are checked.

    Args:
      kind: "snapshot" or "training state"; the header's format is "pgan_tf <kind> <version>".
      versions: that the caller reads.
    Returns: arrays by name, and the header, whose "format" is the version's number.
    Raises:
      DamagedError: the file is missing, damaged, or something else.
      UserError: it can't be read, or is of another version.
    """
    try:
        arrays = _read_members(path)
        meta = parse_json(arrays.pop("meta").tobytes(), path)
        found = str(meta["format"])
    except FileNotFoundError:
        raise DamagedError(f"no {kind} at {path}") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or one_line(error)}") from None
    except (*DAMAGE, DamagedError) as error:
        raise DamagedError(f"{path} is damaged or no {kind} ({one_line(error)})") from None
    for version in versions:
        if found == f"pgan_tf {kind} {version}":
            return arrays, {**meta, "format": version}
    if found.startswith(f"pgan_tf {kind} ") and len(found) < 80:
        raise UserError(
            f"{path} is of another version of this program, as {found!r}; this one reads"
            f" {versions[0]} to {versions[-1]}; use that version, or train anew"
        )
    raise DamagedError(f"{path} is damaged or no {kind}")


def _read_members(path: str | os.PathLike) -> dict[str, np.ndarray]:
    arrays = {}
    with zip_files.opened(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it declares more than it holds")  # a bomb: ours aren't packed
        if any(info.flag_bits & 1 for info in archive.infolist()):
            raise ValueError("it says that it is encrypted")
        for name in archive.namelist():
            # Whole files, so that all checksums are met; their sizes are compared before memory.
            arrays[name.removesuffix(".npy")] = npy.read(archive.read(name))
    return arrays


def is_finite(array: np.ndarray) -> bool:
    """Returns whether the array holds numbers, all of them finite in float32."""
    with np.errstate(over="ignore"):
        return array.dtype.kind == "f" and bool(
            np.isfinite(array.astype(np.float32, copy=False)).all()
        )

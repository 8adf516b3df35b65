"""Reads the tensors of a file that PyTorch's `torch.save` wrote, without PyTorch.

Such a file is a pickle, which in general is a program. `pgan_tf.safe_pickle` reads it, with
stand-ins for tensors, storages and ordered dictionaries; any other name is refused, so nothing
in the file is executed.

Both layouts are read: the zip archive (PyTorch 1.6 and later) with the pickle in `data.pkl` and
storages in `data/KEY`; and the older stream of pickles followed by the storages.
"""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from pgan_tf import safe_pickle

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class TorchFileError(ValueError):
    """The file is not what `torch.save` writes of a dictionary of tensors, or is damaged."""


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """Returns {name: array} of a file's contents that hold a dictionary of tensors.

    Raises: TorchFileError; its text completes "the file ...".
    """
    try:
        is_zip = data[:4] == b"PK\x03\x04"
        tensors = _read_zip(data) if is_zip else _read_legacy(io.BytesIO(data))
    except TorchFileError:
        raise
    except safe_pickle.Refused as error:
        raise TorchFileError(f"asks for {error}: refused, nothing was executed") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise TorchFileError(f"is damaged ({type(error).__name__}: {error})") from error
    if not isinstance(tensors, dict):
        raise TorchFileError(f"holds a {type(tensors).__name__} instead of a dictionary")
    tensors = {name: value for name, value in tensors.items() if isinstance(value, np.ndarray)}
    if not all(isinstance(name, str) for name in tensors):
        raise TorchFileError("holds tensors whose names are no text")
    return tensors


def _read_zip(data: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise TorchFileError("holds no data.pkl")
        root = pickles[0].split("/")[0]
        orders = [name for name in archive.namelist() if name == f"{root}/byteorder"]
        if orders and archive.read(orders[0]) != b"little":
            raise TorchFileError("holds big-endian numbers, which are not supported")

        def load_storage(kind: str, key: str, count: int) -> np.ndarray:
            name = f"{root}/data/{key}"
            dtype = np.dtype(_STORAGE_TYPES[kind])
            if archive.getinfo(name).file_size != count * dtype.itemsize:
                raise TorchFileError(f"has a storage {key} of another size than it says")
            return np.frombuffer(archive.read(name), dtype)

        return _Unpickler(archive.open(pickles[0]), load_storage).load()


def _read_legacy(file: BinaryIO) -> Any:
    def refuse(kind: str, key: str, count: int) -> np.ndarray:
        raise TorchFileError("is damaged (a storage in its header)")

    if _Unpickler(file, refuse).load() != _LEGACY_MAGIC:
        raise TorchFileError("was not written by torch.save")
    version, system = (_Unpickler(file, refuse).load() for _ in range(2))
    if version != 1001 or not system.get("little_endian"):
        raise TorchFileError("is of an unsupported version or byte order")
    storages: dict[str, np.ndarray] = {}

    def reserve_storage(kind: str, key: str, count: int) -> np.ndarray:
        # The numbers come after the pickle: the array is filled below.
        dtype = np.dtype(_STORAGE_TYPES[kind])
        if not 0 <= count * dtype.itemsize <= len(file.getbuffer()):
            raise TorchFileError(f"has a storage {key} larger than the file")
        return storages.setdefault(key, np.zeros(count, dtype))

    tensors = _Unpickler(file, reserve_storage).load()
    for key in _Unpickler(file, refuse).load():
        (count,) = struct.unpack("<q", file.read(8))
        if count != len(storages[key]):
            raise TorchFileError(f"has a storage {key} of another size than it says")
        content = file.read(storages[key].nbytes)
        if len(content) != storages[key].nbytes:
            raise TorchFileError(f"is cut short in its storage {key}")
        storages[key][:] = np.frombuffer(content, storages[key].dtype)
    return tensors


class _Unpickler(safe_pickle.Unpickler):
    """Reads dictionaries, lists, plain values and tensors; refuses every other name."""

    def __init__(self, file: BinaryIO, load_storage: Callable[[str, str, int], np.ndarray]):
        super().__init__(file, _STAND_INS)
        self._load_storage = load_storage

    def persistent_load(self, pid: Any) -> np.ndarray:
        tag, kind, key, _, count = pid[:5]
        if tag != "storage" or not isinstance(kind, _StorageType) or pid[5:] not in ((), (None,)):
            raise TorchFileError("holds something else than storages")
        return self._load_storage(str(kind), str(key), int(count))


class _StorageType(str):
    """The name of a storage type."""

    __slots__ = ()


class _Dictionary(dict):
    """Stands for an ordered dictionary; drops the attributes that PyTorch hangs on it."""

    def __setstate__(self, state: Any) -> None:
        pass


def _rebuild_tensor(storage, offset, shape, strides, *_) -> np.ndarray:
    """Returns the view of a storage that a tensor is; it must lie inside the storage."""
    whole = isinstance(storage, np.ndarray) and storage.ndim == 1 and storage.flags.c_contiguous
    if not whole or len(shape) != len(strides):
        raise TorchFileError("holds a tensor without a storage")
    last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides)) < 0 or (0 not in shape and offset + last >= len(storage)):
        raise TorchFileError("holds a tensor that reaches outside its storage")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)


def _rebuild_parameter(tensor, *_) -> np.ndarray:
    return tensor


_STAND_INS = {
    ("torch._utils", "_rebuild_tensor_v2"): safe_pickle.StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): safe_pickle.StandIn(_rebuild_parameter),
    ("collections", "OrderedDict"): safe_pickle.StandIn(_Dictionary),
    **{("torch", name): _StorageType(name) for name in _STORAGE_TYPES},
}

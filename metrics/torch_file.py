"""Reads the tensors in a file written by PyTorch's `torch.save`, without PyTorch.

Such a file is a pickle, and a pickle can be any program. `pgan_tf.safe_pickle` reads it with
stand-ins for tensors, storages and ordered dictionaries. Every other name is refused, so nothing
in the file is executed.

Two layouts are read: the zip archive of PyTorch 1.6 and later, with the pickle in `data.pkl` and
the storages in `data/KEY`; and the older stream of pickles followed by the storages. The tensors
take no more bytes than the caller allows, whatever the file declares.
"""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.errors import one_line

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_ZIP_ENTRY = b"PK\x01\x02"  # start of each entry in a zip archive's directory
_MOST_ENTRIES = 10_000  # the Inception weights have 600
_MOST_PICKLE = 16 << 20  # bytes
_MOST_DIMENSIONS = 32  # of a tensor
_LONGEST_KEY = 200  # characters of a storage's key
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
    """The file is damaged, or is not a dictionary of tensors written by `torch.save`."""


def read_tensors(data: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """Returns {name: array} from the contents of a file with a dictionary of tensors.

    Args:
      data: the file's contents.
      most_bytes: largest unpacked size of all storages together.
    Raises: TorchFileError; its message continues "the file ...".
    """
    try:
        is_zip = data[:4] == b"PK\x03\x04"
        tensors = _read_zip(data, most_bytes) if is_zip else _read_legacy(data, most_bytes)
    except (TorchFileError, MemoryError):
        raise
    except safe_pickle.Refused as error:
        raise TorchFileError(f"asks for {error}: refused, nothing was executed") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise TorchFileError(f"is damaged ({type(error).__name__}: {one_line(error)})") from error
    if not isinstance(tensors, dict):
        raise TorchFileError(f"holds a {type(tensors).__name__} instead of a dictionary")
    tensors = {name: value for name, value in tensors.items() if isinstance(value, np.ndarray)}
    if not all(isinstance(name, str) for name in tensors):
        raise TorchFileError("holds tensors whose names are not text")
    return tensors


class _Storages:
    """The storages of a file by key; each is read once, and their total size is bounded.

    Args:
      read: (key, size in bytes) -> the storage's bytes, or a buffer to fill with them later.
      most_bytes: largest size of all storages together.

    Attributes:
      arrays: {key: array} of the storages loaded so far.
    """

    def __init__(self, read: Callable[[str, int], Any], most_bytes: int):
        self._read, self._bytes_left = read, most_bytes
        self.arrays: dict[str, np.ndarray] = {}

    def load(self, kind: str, key: str, count: int) -> np.ndarray:
        """Returns the storage of this key, `count` numbers of PyTorch's storage type `kind`."""
        dtype = np.dtype(_STORAGE_TYPES[kind])
        if key not in self.arrays:
            if not 0 <= count <= self._bytes_left // dtype.itemsize:
                raise TorchFileError(f"declares storage {_printable(key)} larger than allowed")
            size = count * dtype.itemsize
            self._bytes_left -= size
            self.arrays[key] = np.frombuffer(self._read(key, size), dtype)
        storage = self.arrays[key]
        if (storage.dtype, storage.size) != (dtype, count):
            raise TorchFileError(f"declares two sizes or types for storage {_printable(key)}")
        return storage


def _read_zip(data: bytes, most_bytes: int) -> Any:
    if data.count(_ZIP_ENTRY) > _MOST_ENTRIES:  # each entry takes a kilobyte of memory
        raise TorchFileError(f"is a zip archive of more than {_MOST_ENTRIES} files")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise TorchFileError("holds no data.pkl")
        root = pickles[0].split("/")[0]
        orders = [name for name in archive.namelist() if name == f"{root}/byteorder"]
        if orders and _member(archive, orders[0], len("little")) != b"little":
            raise TorchFileError("holds big-endian numbers, which are not supported")
        storages = _Storages(
            lambda key, size: _member(archive, f"{root}/data/{key}", size), most_bytes
        )
        content = _member(archive, pickles[0], None)
        return _Unpickler(io.BytesIO(content), storages.load, len(content)).load()


def _member(archive: zipfile.ZipFile, name: str, size: int | None) -> bytes:
    """Returns the contents of a file in a zip archive.

    PyTorch doesn't compress; deflate is read too, other methods are refused.

    Args:
      size: the size that the file must have; None: any size that a pickle may have.
    """
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise TorchFileError("is a zip archive with an unusual compression")
    if info.file_size != size and (size is not None or info.file_size > _MOST_PICKLE):
        raise TorchFileError(f"has an unexpected size of its part {_printable(name)}")
    return archive.read(name)


def _printable(name: str) -> str:
    return ascii(name)[1:-1]


def _read_legacy(data: bytes, most_bytes: int) -> Any:
    file = io.BytesIO(data)

    def refuse(kind: str, key: str, count: int) -> np.ndarray:
        raise TorchFileError("is damaged (there is a storage in its header)")

    def load(load_storage: Callable[[str, str, int], np.ndarray] = refuse) -> Any:
        return _Unpickler(file, load_storage, len(data)).load()

    magic = load()
    if not isinstance(magic, int) or magic != _LEGACY_MAGIC:
        raise TorchFileError("was not written by torch.save")
    version, system = load(), load()
    if (
        not isinstance(version, int)
        or version != 1001
        or not isinstance(system, dict)
        or not system.get("little_endian")
    ):
        raise TorchFileError("has an unsupported version or byte order")
    # The numbers come after the pickle, so the arrays are filled below.
    storages = _Storages(lambda key, size: bytearray(size), min(most_bytes, len(data)))
    tensors = load(storages.load)
    for key in load():
        if not isinstance(key, str):
            raise TorchFileError("is damaged (the key of a storage is not text)")
        (count,) = struct.unpack("<q", file.read(8))
        storage = storages.arrays[key]
        if count != len(storage):
            raise TorchFileError(f"declares two sizes for storage {_printable(key)}")
        content = file.read(storage.nbytes)
        if len(content) != storage.nbytes:
            raise TorchFileError(f"is cut short in storage {_printable(key)}")
        storage[:] = np.frombuffer(content, storage.dtype)
    return tensors


class _Unpickler(safe_pickle.Unpickler):
    """Reads dictionaries, lists, plain values and tensors; refuses every other name."""

    def __init__(
        self,
        file: BinaryIO,
        load_storage: Callable[[str, str, int], np.ndarray],
        most_bytes: int,
    ):
        super().__init__(file, _STAND_INS, most_bytes)
        self._load_storage = load_storage

    def persistent_load(self, pid: Any) -> np.ndarray:
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[5:] not in ((), (None,)):
            raise TorchFileError("holds something other than storages")
        tag, kind, key, _, count = pid[:5]
        if (type(tag), type(kind), type(key), type(count)) != (str, _StorageType, str, int):
            raise TorchFileError("holds something other than storages")
        if tag != "storage" or len(key) > _LONGEST_KEY:
            raise TorchFileError("holds something other than storages")
        return self._load_storage(str(kind), key, count)


class _StorageType(str):
    """The name of a storage type."""

    __slots__ = ()


def _rebuild_tensor(storage, offset, shape, strides, *_) -> np.ndarray:
    """Returns a tensor as a view of its storage. Raises: TorchFileError if it reaches outside."""
    whole = isinstance(storage, np.ndarray) and storage.ndim == 1 and storage.flags.c_contiguous
    if not whole or len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS:
        raise TorchFileError("holds a tensor without a storage")
    # Checks each number first: the product of two very long ones would take hours.
    small = all(type(n) is int and 0 <= n < 1 << 48 for n in (offset, *shape, *strides))
    last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) if small else 0
    if not small or (0 not in shape and offset + last >= len(storage)):
        raise TorchFileError("holds a tensor that reaches outside its storage")
    steps = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)


def _rebuild_parameter(tensor, *_) -> np.ndarray:
    return tensor


_STAND_INS = {
    ("torch._utils", "_rebuild_tensor_v2"): safe_pickle.StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): safe_pickle.StandIn(_rebuild_parameter),
    ("collections", "OrderedDict"): safe_pickle.StandIn(safe_pickle.Dictionary),
    **{("torch", name): _StorageType(name) for name in _STORAGE_TYPES},
}

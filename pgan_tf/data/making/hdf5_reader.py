"""Reads the images of an HDF5 file, in a process of its own: `Images` in hdf5.py starts it.

The HDF5 library is made for files that one trusts: a damaged one can make it crash, take all
memory or never return; and a file can have its data in other files of the machine. So this process
may take little memory and time, looks before it reads, and sends nothing but numbers, texts
and pixels. It imports nothing of the package: it must start quickly.

    python -P hdf5_reader.py FILE MOST_MEMORY

It answers on standard output: a line of JSON, {"shape": [N, C, r]} or {"error": text}; then to each
number of an image, a line on standard input: a byte 0 and the image, or a byte 1 and an error.
"""

import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

MOST_MEMORY = 1 << 30  # bytes, beside what the libraries take
MOST_SECONDS = 60  # for opening the file, and for each image
MOST_PACKED = 100  # times that images may be larger than the file; photographs pack to a half
MOST_CHUNK = 64 << 20  # bytes of a chunk, which is unpacked whole for each image in it

_ARRAY = re.compile(r"data(\d{1,6})x\1")
_MOST_OBJECTS = 10_000  # in the file's root
_FILTERS = (1, 2, 3, 32000)  # deflate, shuffle, fletcher32, lzf


class Refused(Exception):  # noqa: N818
    """The file is not what it should be; the message completes "FILE ..."."""


def find(file) -> tuple[str, int]:
    """Returns the name and the resolution of the largest data{r}x{r} of an h5py.File.

    Raises: Refused.
    """
    if len(file) > _MOST_OBJECTS:
        raise Refused(f"holds {len(file)} objects, which is no file of images")
    found = {int(match[1]): match[0] for name in file if (match := _ARRAY.fullmatch(name))}
    if not found:
        raise Refused("has no arrays data4x4, data8x8, ...")
    return found[max(found)], max(found)


def examine(file, name: str, resolution: int, num_bytes: int):
    """Returns the array, an h5py.h5d.DatasetID, when it is sound: uint8 [N, C, r, r].

    Args:
      file: h5py.File.
      name, resolution: of the array.
      num_bytes: size of the file.
    Raises: Refused, before the array's size is taken as memory or time.
    """
    import h5py

    link = type(file.get(name, getlink=True))
    if link is not h5py.HardLink:
        kind = {h5py.SoftLink: "to another name", h5py.ExternalLink: "to another file"}
        raise Refused(f"has in place of {name} a link {kind.get(link, 'of an unknown kind')}")
    if not isinstance(file[name], h5py.Dataset):
        raise Refused(f"holds no array {name}, but something else of this name")
    array = h5py.h5d.open(file.id, name.encode())
    storage = array.get_create_plist()  # first: the shape of virtual ones is in other files
    if storage.get_layout() == h5py.h5d.VIRTUAL or storage.get_external_count():
        raise Refused(f"has the data of {name} in other files, which are not read; copy it whole")
    shape = array.shape
    if array.dtype.str != "|u1" or len(shape) != 4 or shape[2:] != (resolution, resolution):
        raise Refused(
            f"holds {name}, which is {array.dtype.name} {list(shape)} instead of uint8"
            f" [N, C, {resolution}, {resolution}]"
        )
    declared = math.prod(shape)
    filters = [storage.get_filter(i)[0] for i in range(storage.get_nfilters())]
    if not set(filters) <= set(_FILTERS):
        raise Refused(f"packs {name} by a filter that is not read; use gzip or none")
    if declared > num_bytes * (MOST_PACKED if filters else 1):
        raise Refused(
            f"declares {declared} bytes of images in {name}, and has {num_bytes} itself, to which"
            " no images pack; if they do, write them unpacked"
        )
    if storage.get_layout() == h5py.h5d.CHUNKED:
        chunk = storage.get_chunk()
        if math.prod(chunk) > MOST_CHUNK:
            raise Refused(
                f"has chunks of {math.prod(chunk)} bytes in {name}, and {MOST_CHUNK} are allowed;"
                " write it anew, an image a chunk"
            )
        wanted = math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True))
        if wanted > num_bytes or array.get_num_chunks() != wanted:
            raise Refused(f"lacks images of {name}, or is damaged there")
    elif declared > array.get_storage_size():
        raise Refused(f"lacks images of {name}, or is damaged there")
    return array


def reader(array) -> Callable[[int], memoryview]:
    """Returns a function that reads an image of an h5py.h5d.DatasetID by its index."""
    import h5py
    import numpy as np

    shape = array.shape[1:]
    image = np.empty(shape, np.uint8)
    memory, stored = h5py.h5s.create_simple(shape), array.get_space()

    def read(index: int) -> memoryview:
        stored.select_hyperslab((index, 0, 0, 0), (1, *shape))
        array.read(memory, stored, image)
        return image.data

    return read


def serve(path: str, most_memory: int, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until there are no more."""
    try:
        import h5py

        _limit_memory(most_memory)
        _limit_time(MOST_SECONDS)
        with h5py.File(path, "r") as file:
            name, resolution = find(file)
            array = examine(file, name, resolution, os.path.getsize(path))
            read = reader(array)
            _limit_time(0)
            _send(replies, {"shape": array.shape[:3]})
            for line in requests:
                _limit_time(MOST_SECONDS)
                try:
                    pixels = read(int(line))
                except OSError as error:
                    replies.write(b"\1")
                    raise Refused(f"is damaged in image {int(line)} of {name}: {error}") from None
                _limit_time(0)
                replies.write(b"\0")
                replies.write(pixels)
                replies.flush()
    except Refused as error:
        _send(replies, {"error": str(error)})
    except MemoryError:
        _send(replies, {"error": f"takes more than {most_memory >> 20} MiB of memory to read"})
    except Exception as error:  # of a damaged file the library raises a dozen kinds
        _send(replies, {"error": f"can't be read as HDF5 ({error})"})


def _send(replies: BinaryIO, content: dict[str, Any]) -> None:
    replies.write(json.dumps(content).encode() + b"\n")
    replies.flush()


def _limit_memory(most_bytes: int) -> None:
    """Lets this process take no more than this from now on, where the system can."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (taken + most_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """Ends this process after so many seconds, wherever it is then; 0: not any more."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer, sys.stdout.buffer)

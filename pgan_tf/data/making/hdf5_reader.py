"""Reads the images of an HDF5 file in a separate process, which `hdf5.Images` starts.

The HDF5 library is made for trusted files: a damaged file can make it crash, use up all memory or
hang, and a file can refer to data in other files of the machine. So this process limits its memory
and time, checks the file before it reads data, and sends only numbers, texts and pixels. It imports
nothing from the package, so that it starts quickly.

    python -P hdf5_reader.py FILE MOST_MEMORY

It first writes a line of JSON to standard output, {"shape": [N, C, r]} or {"error": text}. Each
request is a line on standard input with an image's index. The reply is a byte 0 and the image, or a
byte 1 and a line {"error": text}.
"""

import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

MOST_MEMORY = 1 << 30  # bytes, on top of the libraries' own memory
MOST_SECONDS = 60  # for opening the file, and for each image
MOST_PACKED = 100  # largest ratio of images' size to file size; photographs compress to one half
MOST_CHUNK = 64 << 20  # bytes of a chunk, which is decompressed whole for each image in it

_ARRAY = re.compile(r"data(\d{1,6})x\1")
_MOST_OBJECTS = 10_000  # objects in the file's root
_FILTERS = (1, 2, 3, 32000)  # deflate, shuffle, fletcher32, lzf


class Refused(Exception):  # noqa: N818
    """A file that is not used; the message completes the sentence "FILE ..."."""


def find(file) -> tuple[str, int]:
    """Returns the name and the resolution of the largest array data{r}x{r} of an h5py.File.

    Raises: Refused.
    """
    if len(file) > _MOST_OBJECTS:
        raise Refused(f"holds {len(file)} objects, too many for a file of images")
    found = {int(match[1]): match[0] for name in file if (match := _ARRAY.fullmatch(name))}
    if not found:
        raise Refused("has no arrays data4x4, data8x8, ...")
    return found[max(found)], max(found)


def examine(file, name: str, resolution: int, num_bytes: int):
    """Checks an array, uint8 [N, C, r, r], and returns it as h5py.h5d.DatasetID.

    Args:
      file: an h5py.File.
      name, resolution: name and side of the array.
      num_bytes: size of the file.
    Raises: Refused, without taking memory or time in proportion to the array's declared size.
    """
    import h5py

    link = type(file.get(name, getlink=True))
    if link is not h5py.HardLink:
        kind = {h5py.SoftLink: "to another name", h5py.ExternalLink: "to another file"}
        raise Refused(f"has a link {kind.get(link, 'of an unknown kind')} in place of {name}")
    if not isinstance(file[name], h5py.Dataset):
        raise Refused(f"holds something other than an array as {name}")
    array = h5py.h5d.open(file.id, name.encode())
    storage = array.get_create_plist()  # checked first: a virtual array's shape is in other files
    if storage.get_layout() == h5py.h5d.VIRTUAL or storage.get_external_count():
        raise Refused(
            f"has the data of {name} in other files, which are not read; copy them into one file"
        )
    shape = array.shape
    if array.dtype.str != "|u1" or len(shape) != 4 or shape[2:] != (resolution, resolution):
        raise Refused(
            f"holds {name}, which is {array.dtype.name} {list(shape)} instead of uint8"
            f" [N, C, {resolution}, {resolution}]"
        )
    declared = math.prod(shape)
    filters = [storage.get_filter(i)[0] for i in range(storage.get_nfilters())]
    if not set(filters) <= set(_FILTERS):
        raise Refused(f"packs {name} with a filter that is not supported; use gzip or none")
    if declared > num_bytes * (MOST_PACKED if filters else 1):
        raise Refused(
            f"declares {declared} bytes of images in {name}, but has only {num_bytes} bytes, too"
            " few even if packed; if it is whole, write the images unpacked"
        )
    if storage.get_layout() == h5py.h5d.CHUNKED:
        chunk = storage.get_chunk()
        if math.prod(chunk) > MOST_CHUNK:
            raise Refused(
                f"has chunks of {math.prod(chunk)} bytes in {name}, but at most {MOST_CHUNK} are"
                " allowed; write it with one image per chunk"
            )
        wanted = math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True))
        if wanted > num_bytes or array.get_num_chunks() != wanted:
            raise Refused(f"lacks images of {name}, or is damaged there")
    elif declared > array.get_storage_size():
        raise Refused(f"lacks images of {name}, or is damaged there")
    return array


def reader(array) -> Callable[[int], memoryview]:
    """Returns a function that reads one image of an array, an h5py.h5d.DatasetID, by index."""
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
    """Answers requests for images of a file until `requests` ends."""
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
    except Exception as error:  # the library raises a dozen kinds for damaged files
        _send(replies, {"error": f"can't be read as HDF5 ({error})"})


def _send(replies: BinaryIO, content: dict[str, Any]) -> None:
    replies.write(json.dumps(content).encode() + b"\n")
    replies.flush()


def _limit_memory(most_bytes: int) -> None:
    """Limits the memory that this process takes from now on, if the system supports it."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (taken + most_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """Makes the system end this process after so many seconds; 0 cancels the limit."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer, sys.stdout.buffer)

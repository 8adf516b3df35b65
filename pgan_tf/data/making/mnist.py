"""create_mnist and create_mnistrgb: make data sets of single digits and of three digits each."""

import contextlib
import dataclasses
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from pgan_tf.data import contents, storage
from pgan_tf.data.format import writer
from pgan_tf.data.labels import one_hot
from pgan_tf.data.making import build, sources
from pgan_tf.errors import UserError

NUM_IMAGES = 60_000
_NAMES = {"images": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte.gz"}
_MAGIC = {"images": 2051, "labels": 2049}
_FOLDERS = ("raw", "MNIST/raw", "MNIST")  # folders that other programs download into
_ORIGIN = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_MOST_FILES = 1000  # files of a directory that are examined
_LIKELY = re.compile("idx|ubyte|mnist|train|image|label", re.I)  # names to examine first


def create(
    path: str | os.PathLike,
    mnist_dir: str | os.PathLike,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    """Makes a data set of MNIST: the 60,000 training digits, 32x32 gray, labelled and shuffled.

    Args:
      path: the data set's directory.
      mnist_dir: directory with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz; see
        `find`.
      allow_partial: True to accept fewer digits.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    find(mnist_dir, "images")  # both files must exist before any work starts
    find(mnist_dir, "labels")
    digits = read_digits(mnist_dir, allow_partial)
    classes = read_classes(mnist_dir, len(digits))
    order = build.shuffled(len(digits))
    return build.build(
        path,
        sources.ArraySource(digits[:, None]),
        order=order,
        labels=one_hot(classes, 10)[order],
        workers=1,
        **options,
    )


def create_rgb(
    path: str | os.PathLike,
    mnist_dir: str | os.PathLike,
    num_images: int = 1_000_000,
    random_seed: int = 123,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    """Makes a data set of images whose red, green and blue channels are three random digits.

    It has a thousand modes that can be counted (section 9.6). It has no labels and is not shuffled.

    Args:
      path: the data set's directory.
      mnist_dir: directory with train-images-idx3-ubyte.gz; see `find`.
      num_images: number of images to make.
      random_seed: seed for choosing the digits.
      allow_partial: True to accept fewer than 60,000 digits to choose from.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    if num_images < 1:
        raise UserError(f"--num_images {num_images}: at least one image is needed")
    digits = read_digits(mnist_dir, allow_partial)
    if not options.get("compress"):  # check before drawing so many random numbers
        writer.check_space(os.fspath(path), writer.size_on_disk(num_images, 32, 3))
    chosen = np.random.RandomState(random_seed).randint(len(digits), size=(num_images, 3))
    source = _ThreeDigits(digits, chosen.astype(np.int32))
    return build.build(path, source, order=np.arange(num_images), workers=1, **options)


@dataclasses.dataclass(frozen=True, eq=False)
class _ThreeDigits:
    """Makes image i of the digits chosen[i], one per channel; see `build.Source`."""

    digits: np.ndarray  # uint8 [60000, 32, 32]
    chosen: np.ndarray  # int32 [num_images, 3]
    resolution: int = 32
    num_channels: int = 3

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, 3, 32, 32]."""
        return self.digits[self.chosen[indices]]


def find(mnist_dir: str | os.PathLike, kind: str) -> str:
    """Returns the path of the file with the training images or labels.

    Files are recognized by their content, with or without compression, under any name, in any of
    the usual folders. Of several, one with "train" in its name is preferred, then the one with the
    most digits. For labels, a name that matches the name of the images comes first.

    Args:
      mnist_dir: the directory, or one of the files.
      kind: "images" or "labels".
    Raises: UserError that says which file is missing or wrong, and where to fetch it.
    """
    place = os.fspath(mnist_dir)
    if storage.exists(place) and not storage.is_dir(place):  # the same form as `_files` yields
        place = storage.join(sources.parent_of(place), storage.split(place)[1])
    found = {}  # {path: number of digits}
    files = list(_files(place))
    for path in files:
        if (count := _count(path, kind)) and (path == place or not _is_test(path)):
            found[path] = count
    if place in found:
        return place
    if found:
        images_stem = _common_stem(find(place, "images"), "images") if kind == "labels" else None

        def preference(path: str) -> tuple[bool, bool, int]:
            return _common_stem(path, kind) == images_stem, _is_training(path), found[path]

        return max(found, key=preference)
    for path in files:
        if _is_training(path) and f"{kind}-idx" in storage.split(path)[1].replace(".", "-"):
            raise UserError(f"{path} {_describe_content(path)}; fetch it again from {_ORIGIN}")
    directory, names = sources.directories(place)[0], list(_NAMES.values())
    raise sources.missing(storage.join(directory, _NAMES[kind]), names, directory, _ORIGIN)


def _describe_content(path: str) -> str:
    """Describes a file that is named like one of MNIST's but is not: "is a web page, not MNIST"."""
    head = _head(path)
    kind = contents.kind_of(head)
    if kind and not head.startswith(b"\x1f\x8b"):
        return f"is {kind}, not MNIST"
    return f"is damaged (it begins with {head[:8]!r})"


def declared_count(mnist_dir: str | os.PathLike) -> int:
    """Returns the number of digits in the training files' headers. Raises: UserError."""
    find(mnist_dir, "labels")
    return _count(find(mnist_dir, "images"), "images")


def _files(place: str) -> Iterator[str]:
    """Yields the paths of files that may be MNIST's."""
    for directory in sources.directories(place, _FOLDERS):
        if storage.is_dir(directory):
            names = sorted(storage.names(directory), key=lambda name: not _LIKELY.search(name))
            for name in names[:_MOST_FILES]:
                yield storage.join(directory, name)


def _is_training(path: str) -> bool:
    return "train" in storage.split(path)[1].lower()


def _is_test(path: str) -> bool:
    name = storage.split(path)[1].lower()
    return "t10k" in name or "test" in name


def _common_stem(path: str, kind: str) -> str:
    """Returns the part of a file's name that an images file and its labels file share."""
    name = storage.split(path)[1].lower().removesuffix(".gz")
    return name.replace(kind, "").replace("idx3", "").replace("idx1", "")


def _count(path: str, kind: str) -> int | None:
    """Returns the number of digits in a file's header; None if it isn't MNIST's of this kind."""
    header = _head(path)
    magic, count, *shape = np.frombuffer(header.ljust(16, b"\0")[:16], ">u4").tolist()
    if len(header) < 8 or magic != _MAGIC[kind] or (kind == "images" and shape != [28, 28]):
        return None
    return count


def _head(path: str) -> bytes:
    """Returns a file's first bytes, decompressed if it is gzip; b"" if it can't be read."""
    head = contents.head_of(path)
    if not head.startswith(b"\x1f\x8b"):
        return head
    with contextlib.suppress(OSError, EOFError, zlib.error), _open(path) as file:
        return file.read(512)
    return head


@contextlib.contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Opens a file for reading and decompresses it if it is gzip."""
    with storage.open_binary(path) as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        with gzip.GzipFile(fileobj=file) if is_packed else contextlib.nullcontext(file) as content:
            yield content


def read_digits(mnist_dir: str | os.PathLike, allow_partial: bool = False) -> np.ndarray:
    """Returns the training digits, padded by two pixels on each side: uint8 [N, 32, 32]."""
    path = find(mnist_dir, "images")
    header, data = _read_idx(path, 16, NUM_IMAGES * 28 * 28)
    count = int.from_bytes(header[4:8], "big")
    if len(header) != 16 or len(data) != count * 28 * 28:
        raise UserError(
            f"{path} is not a complete MNIST images file; fetch it again from {_ORIGIN}"
        )
    sources.check_count(count, NUM_IMAGES, "images", path, allow_partial)
    return np.pad(data.reshape(count, 28, 28), [(0, 0), (2, 2), (2, 2)])


def read_classes(mnist_dir: str | os.PathLike, count: int) -> np.ndarray:
    """Returns the digits' classes: int64 [count]."""
    path = find(mnist_dir, "labels")
    header, data = _read_idx(path, 8, NUM_IMAGES)
    if header != np.array([_MAGIC["labels"], len(data)], ">u4").tobytes():
        raise UserError(
            f"{path} is not a complete MNIST labels file; fetch it again from {_ORIGIN}"
        )
    return sources.check_classes(data, count, 10, path)


def _read_idx(path: str, header_bytes: int, max_bytes: int) -> tuple[bytes, np.ndarray]:
    """Returns a file's header and its data, uint8; at most max_bytes + 1 bytes of data are read."""
    try:
        with _open(path) as file:
            content = file.read(header_bytes + max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is damaged ({error}); fetch it again from {_ORIGIN}") from None
    return content[:header_bytes], np.frombuffer(content, np.uint8)[header_bytes:]

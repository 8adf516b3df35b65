"""create_mnist and create_mnistrgb: handwritten digits, alone and three at a time."""

import dataclasses
import gzip
import os
import zlib

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, sources
from pgan_tf.errors import UserError

NUM_IMAGES = 60_000
_IMAGES, _LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
_ORIGIN = "http://yann.lecun.com/exdb/mnist/"


def create(
    path: str | os.PathLike,
    mnist_dir: str | os.PathLike,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    """Makes a data set of MNIST: the 60,000 training digits, 32x32 gray, labels, shuffled.

    Args:
      path: the data set's directory.
      mnist_dir: holds train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.
      allow_partial: accepts fewer digits.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    sources.find(os.fspath(mnist_dir), [_IMAGES, _LABELS], _ORIGIN)  # both, before any work
    digits = read_digits(mnist_dir, allow_partial)
    classes = read_classes(mnist_dir, len(digits))
    order = build.shuffled(len(digits))
    return build.build(
        path,
        sources.ArraySource(digits[:, None]),
        order=order,
        labels=build.one_hot(classes, 10)[order],
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
    """Makes a data set of images that are three random digits, as red, green and blue.

    A thousand modes that can be counted (the paper's appendix E). No labels, not shuffled.

    Args:
      path: the data set's directory.
      mnist_dir: holds train-images-idx3-ubyte.gz.
      num_images: how many.
      random_seed: of the choice of digits.
      allow_partial: accepts fewer than 60,000 digits to choose from.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    if num_images < 1:
        raise UserError(f"--num_images {num_images}: at least one image is needed")
    digits = read_digits(mnist_dir, allow_partial)
    if not options.get("compress"):  # before anything of that size is drawn
        writer.check_space(os.fspath(path), writer.size_on_disk(num_images, 32, 3))
    chosen = np.random.RandomState(random_seed).randint(len(digits), size=(num_images, 3))
    source = _ThreeDigits(digits, chosen.astype(np.int32))
    return build.build(path, source, order=np.arange(num_images), workers=1, **options)


@dataclasses.dataclass(frozen=True, eq=False)
class _ThreeDigits:
    """Image i is the digits chosen[i], one a channel; see `build.Source`."""

    digits: np.ndarray  # uint8 [60000, 32, 32]
    chosen: np.ndarray  # int32 [num_images, 3]
    resolution: int = 32
    num_channels: int = 3

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, 3, 32, 32]."""
        return self.digits[self.chosen[indices]]


def read_digits(mnist_dir: str | os.PathLike, allow_partial: bool = False) -> np.ndarray:
    """Returns the training digits, padded by two pixels on each side: uint8 [N, 32, 32]."""
    (path,) = sources.find(os.fspath(mnist_dir), [_IMAGES], _ORIGIN)
    header, data = _read_idx(path, 16, NUM_IMAGES * 28 * 28)
    count = int.from_bytes(header[4:8], "big")
    if header != np.array([2051, count, 28, 28], ">u4").tobytes() or len(data) != count * 28 * 28:
        raise UserError(f"{path} is no complete MNIST images file; fetch it again from {_ORIGIN}")
    sources.check_count(count, NUM_IMAGES, "images", path, allow_partial)
    return np.pad(data.reshape(count, 28, 28), [(0, 0), (2, 2), (2, 2)])


def read_classes(mnist_dir: str | os.PathLike, count: int) -> np.ndarray:
    """Returns the digits' classes: int64 [count]."""
    (path,) = sources.find(os.fspath(mnist_dir), [_LABELS], _ORIGIN)
    header, data = _read_idx(path, 8, NUM_IMAGES)
    if header != np.array([2049, len(data)], ">u4").tobytes():
        raise UserError(f"{path} is no complete MNIST labels file; fetch it again from {_ORIGIN}")
    return sources.check_classes(data, count, 10, path)


def _read_idx(path: str, header_bytes: int, max_bytes: int) -> tuple[bytes, np.ndarray]:
    """Returns the header and the data; of data, one byte more than is sensible at the most."""
    try:
        with storage.open_binary(path) as packed, gzip.GzipFile(fileobj=packed) as file:
            content = file.read(header_bytes + max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path} is damaged ({error}); fetch it again from {_ORIGIN}") from None
    return content[:header_bytes], np.frombuffer(content, np.uint8)[header_bytes:]

"""Streams of images to measure, from a generator, a data set or an array.

A stream yields uint8 RGB images in blocks. An image is a function of the seed and its position
only; the size of the blocks doesn't matter. `metrics.image_files` has the stream of a folder.
"""

import abc
import functools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from metrics.collector import Images, Size
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.order import ImageOrder, prefetch
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.pictures import enlarge
from pgan_tf.randomness import Role, random_state

_DRAW_SIZE = 1024  # number of positions whose random numbers are drawn together


class ImageStream(Protocol):
    """A sequence of images to measure.

    Attributes:
      name: name in tables and messages.
      sizes: all (height, width) that occur among the images, the most frequent first.
      num_images: number of images; None: endless.

    A stream that repeats its images also has `num_different`, the number before the first repeat.
    """

    name: str
    sizes: Sequence[Size]
    num_images: int | None

    def blocks(self, count: int) -> Iterator[Images]:
        """Yields the first `count` images, uint8 [n, H, W, 3], 0..255; as lists if sizes differ."""
        ...


class IndexedStream(abc.ABC):
    """A stream whose images can be read by their position."""

    @abc.abstractmethod
    def blocks_at(self, positions: np.ndarray) -> Iterator[Images]:
        """Yields the images at these positions, which must be increasing."""

    def blocks(self, count: int) -> Iterator[Images]:
        """Yields the first `count` images."""
        return self.blocks_at(np.arange(count))


class Part(IndexedStream):
    """A subset of a stream's images.

    Attributes:
      whole: the complete stream.
      positions: positions of the subset's images in it, increasing.
    """

    def __init__(self, whole: "IndexedStream", positions: np.ndarray, name: str):
        self.whole, self.positions, self.name = whole, positions, name
        self.sizes, self.num_images = whole.sizes, len(positions)

    def blocks_at(self, positions: np.ndarray) -> Iterator[Images]:
        """Yields the images at these positions within the subset."""
        return self.whole.blocks_at(self.positions[positions])


def halves(stream: IndexedStream, seed: int, number: int, name: str) -> tuple[Part, Part]:
    """Returns two random halves of a finite stream.

    Args:
      seed, number: determine which images are in each half.
      name: name of the halves.
    """
    order = random_state(seed, Role.METRIC_HALVES, number).permutation(stream.num_images)
    size = stream.num_images // 2
    return tuple(Part(stream, np.sort(order[start : start + size]), name) for start in (0, size))


class ArrayImages(IndexedStream):
    """The images in an array.

    Args:
      images: uint8 [N, H, W, 3], or [N, H, W, 1] for gray.
      name: name in tables and messages.
    Raises: UserError for an array of another type or shape, or an empty one.
    """

    def __init__(self, images: np.ndarray, name: str = "images"):
        if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
            raise UserError(
                f"{name} must be an array of uint8 [N, height, width, 3 or 1], 0..255, not of"
                f" {images.dtype} {list(images.shape)}"
            )
        if not images.size:
            raise UserError(f"{name}: the array is empty")
        self.name, self.sizes, self.num_images = name, [images.shape[1:3]], len(images)
        self._images = images

    def blocks_at(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the images at these positions: uint8 [n, H, W, 3]."""
        for block in _position_blocks(len(positions), self.sizes[0]):
            yield _rgb(self._images[positions[block]])


class Fakes:
    """The images of a generator, at full resolution as in the official program.

    Args:
      Gs: the generator.
      lod: its level of detail; coarser images are enlarged to the full resolution.
      seed: seeds latents and labels.
      labels: rows to draw labels from, [num, label_size]; None: draw all classes equally often.
      name: name in tables and messages.
      xla: compile the generator with XLA.
    """

    num_images = None

    def __init__(
        self,
        Gs: Generator,
        lod: float = 0.0,
        seed: int = 0,
        labels: np.ndarray | None = None,
        name: str = "fakes",
        xla: bool = True,
    ):
        self.name = name
        self.sizes = [(Gs.resolution, Gs.resolution)]
        self._Gs, self._seed = Gs, seed
        self._labels = np.eye(Gs.label_size, dtype=np.float32) if labels is None else labels
        self._generate = Synthesis(Gs, lod, most=64, xla=xla)

    @property
    def lod(self) -> float:
        """The generator's level of detail; can be changed."""
        return self._generate.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self._generate.lod = lod

    def blocks(self, count: int) -> Iterator[np.ndarray]:
        """Yields the first `count` images as uint8 [n, R, R, 3]."""
        ranges = _position_blocks(count, self.sizes[0])
        if tf.config.list_physical_devices("GPU"):  # makes a block while the last one is measured
            blocks = (images for _, images in prefetch(ranges, self._make, ahead=1, workers=1))
        else:  # a CPU has no idle time, and working serially gives the same bits in each run
            blocks = map(self._make, ranges)
        for images in blocks:
            yield _rgb(enlarge(images, self.sizes[0][0]))

    def _make(self, positions: np.ndarray) -> np.ndarray:
        latents = _random_at(
            positions,
            lambda k: random_state(self._seed, Role.METRIC_LATENTS, k).randn(
                _DRAW_SIZE, self._size
            ),
        )
        if not self._Gs.label_size:
            return self._generate(latents.astype(np.float32))
        rows = _random_at(
            positions,
            lambda k: random_state(self._seed, Role.METRIC_LABELS, k).randint(
                len(self._labels), size=_DRAW_SIZE
            ),
        )
        return self._generate(latents.astype(np.float32), self._labels[rows])

    @property
    def _size(self) -> int:
        return self._Gs.latent_size


class Reals(IndexedStream):
    """The images of a data set in random order, flipped with probability 1/2 if mirrored.

    The stream is endless: the data set is repeated, in another order each time. With `ends` each
    image comes once.

    Args:
      dataset: the data set, as the training opens it.
      resolution: the level to read.
      mirror: True if the training mirrors.
      seed: seeds the order and the flips.
      first: position in the endless sequence to start at.
      name: name in tables and messages.
      ends: True for a finite stream of the data set's images.

    Attributes:
      num_different: number of images in the data set, without mirrored ones.
    """

    def __init__(
        self,
        dataset: Dataset | SyntheticDataset,
        resolution: int,
        mirror: bool,
        seed: int = 0,
        first: int = 0,
        name: str = "reals",
        ends: bool = False,
    ):
        dataset.require(resolution)
        self.name = name
        self.sizes = [(resolution, resolution)]
        self.num_images = dataset.num_images if ends else None
        self.num_different = dataset.num_images
        self._dataset, self._resolution, self.mirror = dataset, resolution, mirror
        self._seed, self._first = seed, first
        self._order = ImageOrder(dataset.num_images, seed)

    @functools.cached_property
    def key(self) -> dict:
        """Identifies the images, as a key for cached statistics."""
        return {
            "dataset": self._dataset.content_hash(),
            "records": self._dataset.records_hash(),
            "resolution": self._resolution,
            "mirror": self.mirror,
            "seed": self._seed,
            "first": self._first,
        }

    def blocks_at(self, positions: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the images at these positions: uint8 [n, R, R, 3]."""
        blocks = (positions[block] for block in _position_blocks(len(positions), self.sizes[0]))
        for _, images in prefetch(blocks, self._make, ahead=2, workers=2):
            yield images

    def _make(self, positions: np.ndarray) -> np.ndarray:
        positions = positions + self._first
        first, last = int(positions[0]), int(positions[-1])
        indices = self._order.indices(first, last - first + 1)[positions - first]
        images = self._dataset.read(self._resolution, indices)
        if self.mirror:
            flips = _random_at(
                positions,
                lambda k: random_state(self._seed, Role.METRIC_FLIPS, k).random_sample(_DRAW_SIZE),
            )
            chosen = flips < 0.5
            images[chosen] = images[chosen, :, ::-1]
        return _rgb(images)


def _position_blocks(count: int, shape: Size) -> Iterator[np.ndarray]:
    """Yields the positions 0 .. count - 1 in blocks of some 32 million pixels, 32 to 1024 each."""
    size = int(np.clip((1 << 25) // (shape[0] * shape[1]), 32, 1024))
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _random_at(positions: np.ndarray, draw) -> np.ndarray:
    """Returns the random numbers of increasing positions.

    Args:
      draw: k -> the numbers of the positions k * _DRAW_SIZE .. (k + 1) * _DRAW_SIZE - 1.
    """
    first, last = positions[0] // _DRAW_SIZE, positions[-1] // _DRAW_SIZE
    numbers = np.concatenate([draw(int(k)) for k in range(first, last + 1)])
    return numbers[positions - first * _DRAW_SIZE]


def _rgb(images: np.ndarray) -> np.ndarray:
    """Returns the images as RGB; gray is replicated."""
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images

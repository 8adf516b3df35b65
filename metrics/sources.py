"""Where measured images come from: a generator, a data set, a folder.

A source yields any number of uint8 RGB images in blocks. Which images they are is a function of
the seed and their position, never of the block size.
"""

import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import tensorflow as tf

from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.order import ImageOrder, prefetch
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.pictures import enlarge
from pgan_tf.randomness import Role, random_state

_DRAWN = 1024  # positions whose random numbers are drawn together


class Source(Protocol):
    """Images to measure.

    Attributes:
      name: for tables and messages.
      shape: (height, width) of every image.
      num_images: how many there are; None: as many as wanted.
    """

    name: str
    shape: tuple[int, int]
    num_images: int | None

    def blocks(self, count: int) -> Iterator[np.ndarray]:
        """Yields the first `count` images as uint8 [n, H, W, 3], 0..255."""
        ...


class Fakes:
    """Images that a generator makes, at full resolution as the official program has them.

    Args:
      Gs: the generator.
      lod: its level of detail; coarser images are enlarged to the full resolution.
      seed: of latents and labels.
      labels: rows to draw labels from, [num, label_size]; None: one-hot rows, all equally often.
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
        self.shape = (Gs.resolution, Gs.resolution)
        self._Gs, self._seed = Gs, seed
        self._labels = np.eye(Gs.label_size, dtype=np.float32) if labels is None else labels
        self._generate = Synthesis(Gs, lod, most=64, xla=xla)

    @property
    def lod(self) -> float:
        """May be set to another."""
        return self._generate.lod

    @lod.setter
    def lod(self, lod: float) -> None:
        self._generate.lod = lod

    def blocks(self, count: int) -> Iterator[np.ndarray]:
        """Yields the first `count` images as uint8 [n, R, R, 3]."""
        ranges = _ranges(count, self.shape)
        if tf.config.list_physical_devices("GPU"):  # makes images while the last are measured
            blocks = (images for _, images in prefetch(ranges, self._make, ahead=1, workers=1))
        else:  # the CPU has no time left, and one thing at a time gives the same bits each run
            blocks = map(self._make, ranges)
        for images in blocks:
            yield _rgb(enlarge(images, self.shape[0]))

    def _make(self, positions: np.ndarray) -> np.ndarray:
        latents = _drawn(
            positions,
            lambda k: random_state(self._seed, Role.METRIC_LATENTS, k).randn(_DRAWN, self._size),
        )
        if not self._Gs.label_size:
            return self._generate(latents.astype(np.float32))
        rows = _drawn(
            positions,
            lambda k: random_state(self._seed, Role.METRIC_LABELS, k).randint(
                len(self._labels), size=_DRAWN
            ),
        )
        return self._generate(latents.astype(np.float32), self._labels[rows])

    @property
    def _size(self) -> int:
        return self._Gs.latent_size


class Reals:
    """Images of a data set in random order, flipped with probability 1/2 if mirrored.

    A set that is smaller than the number of images wanted is repeated in another order.

    Args:
      dataset: as the training opens it.
      resolution: level to read.
      mirror: whether the training mirrors.
      seed: of the order and the flips.
      first: position in the endless sequence to start at.
    """

    num_images = None

    def __init__(
        self,
        dataset: Dataset | SyntheticDataset,
        resolution: int,
        mirror: bool,
        seed: int = 0,
        first: int = 0,
        name: str = "reals",
    ):
        dataset.require(resolution)
        self.name = name
        self.shape = (resolution, resolution)
        self._dataset, self._resolution, self._mirror = dataset, resolution, mirror
        self._seed, self._first = seed, first
        self._order = ImageOrder(dataset.num_images, seed)

    @functools.cached_property
    def key(self) -> dict:
        """What identifies the images, for caches of what was computed from them."""
        return {
            "dataset": self._dataset.content_hash(),
            "records": self._dataset.records_hash(),
            "resolution": self._resolution,
            "mirror": self._mirror,
            "seed": self._seed,
            "first": self._first,
        }

    def blocks(self, count: int) -> Iterator[np.ndarray]:
        """Yields the first `count` images as uint8 [n, R, R, 3]."""
        for _, images in prefetch(_ranges(count, self.shape), self._make, ahead=2, workers=2):
            yield images

    def _make(self, positions: np.ndarray) -> np.ndarray:
        positions = positions + self._first
        indices = self._order.indices(int(positions[0]), len(positions))
        images = self._dataset.read(self._resolution, indices)
        if self._mirror:
            flips = _drawn(
                positions,
                lambda k: random_state(self._seed, Role.METRIC_FLIPS, k).random_sample(_DRAWN),
            )
            chosen = flips < 0.5
            images[chosen] = images[chosen, :, ::-1]
        return _rgb(images)


class Folder:
    """The image files below a directory or in a zip file, sorted by name, all of one size.

    Raises: UserError when there are none; while reading, when one is damaged or of another size.
    """

    def __init__(self, path: str | os.PathLike):
        self.name = self._path = os.fspath(path)
        self._tree = imagetree.Tree(self._path)
        names = self._tree.images
        if not names:
            raise UserError(f"{self._path} holds no images ({', '.join(imagefile.SUFFIXES)})")
        self.num_images = len(names)
        self.shape = self._read(*self._tree.members([0])).shape[:2]

    def blocks(self, count: int) -> Iterator[np.ndarray]:
        """Yields the first `count` images as uint8 [n, H, W, 3]."""
        with ThreadPoolExecutor(os.cpu_count(), "decode") as pool:
            for positions in _ranges(count, self.shape):
                images = list(pool.map(self._read, self._tree.members(positions)))
                for position, image in zip(positions, images, strict=True):
                    if image.shape[:2] != self.shape:
                        names = self._tree.images
                        raise UserError(
                            f"{self._path}: {names[position]} is"
                            f" {image.shape[1]}x{image.shape[0]}, but {names[0]} is"
                            f" {self.shape[1]}x{self.shape[0]}; all must be of one size"
                        )
                yield np.stack(images)

    def _read(self, member: imagetree.Member) -> np.ndarray:
        try:
            with imagefile.open_image(imagetree.read_file(self._path, member)) as image:
                return imagefile.plain_pixels_of(image)
        except BadImage as error:
            raise UserError(
                f"{self._path}: {member.name} is no image to measure: {error}"
            ) from None


def _ranges(count: int, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yields the positions 0 .. count - 1 in blocks of some 32 million pixels."""
    size = int(np.clip((1 << 25) // (shape[0] * shape[1]), 32, 1024))
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _drawn(positions: np.ndarray, draw) -> np.ndarray:
    """Returns the random numbers of consecutive positions; `draw(k)` gives _DRAWN of them."""
    first, last = positions[0] // _DRAWN, positions[-1] // _DRAWN
    numbers = np.concatenate([draw(int(k)) for k in range(first, last + 1)])
    offset = positions[0] - first * _DRAWN
    return numbers[offset : offset + len(positions)]


def _rgb(images: np.ndarray) -> np.ndarray:
    """Replicates gray to RGB."""
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else images

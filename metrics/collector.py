"""What is computed of images as they come by, once for all metrics that need it."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from metrics.tools import Tools
from pgan_tf.errors import UserError

Arrays = dict[str, np.ndarray]
Images = np.ndarray | list[np.ndarray]  # uint8 [n, H, W, 3], or n images [H, W, 3] of any sizes
Size = tuple[int, int]  # height, width


class Collector(abc.ABC):
    """Takes images in blocks of any size and gives arrays from which metrics are computed.

    A metric names the class that it needs. Metrics that name the same class share one collector.

    Class attributes:
      name: stands in the keys of what is cached.
      network: the one of `Tools.networks` that it needs, or None.
      group: images are taken in groups of so many; those after the last whole group are left out.
      grouping: why, in a few words.
      one_to_one: images are compared with as many reals of the same size.

    Args:
      count: how many images will come, a multiple of `group`.
      shape: (height, width) of all of them; None where sizes differ.
      tools: what it works with.
      stream: tells apart the random numbers of sets of images that are compared.
    Raises: UserError when a network is missing.
    """

    name: ClassVar[str]
    network: ClassVar[str | None] = None
    group: ClassVar[int] = 1
    grouping: ClassVar[str] = ""
    one_to_one: ClassVar[bool] = False

    @abc.abstractmethod
    def __init__(self, count: int, shape: Size | None, tools: Tools, stream: int): ...

    @abc.abstractmethod
    def add(self, images: Images) -> None:
        """Takes the next images; a list where their sizes differ."""

    @abc.abstractmethod
    def finish(self) -> Arrays:
        """Returns what was computed of all images."""

    @classmethod
    def check(cls, sizes: Sequence[Size], whose: str = "these") -> None:
        """Raises UserError, with what is needed, unless images of these sizes can be taken."""
        del sizes, whose  # any will do, unless a class says otherwise

    @classmethod
    def weights(cls, tools: Tools) -> dict[str, str]:
        """Returns {name in result files: SHA-256} of the weights that the arrays depend on."""
        return {}

    @classmethod
    def subset(cls, arrays: Arrays, positions: np.ndarray) -> Arrays | None:
        """Returns the arrays of some of the images; None where they can't be had from all's."""
        return None


def require_power_of_two(sizes: Sequence[Size], least: int, whose: str) -> None:
    """Raises UserError unless all images are squares of one size, a power of two from `least`."""
    height, width = sizes[0]
    if len(sizes) > 1 or height != width or height < least or height & (height - 1):
        raise UserError(
            f"square images of one size are needed, a power of two, {least}x{least} or more;"
            f" {whose} are {describe_sizes(sizes)}"
        )


def describe_sizes(sizes: Sequence[Size]) -> str:
    """Returns sizes for people, width first: `64x64`, or `64x64, 48x32 and 7 other sizes`."""
    words = [f"{width}x{height}" for height, width in sizes]
    if len(words) > 3:
        words = [*words[:2], f"{len(words) - 2} other sizes"]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]

"""Collectors compute arrays from a stream of images, once for all metrics that need them."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from metrics.tools import Tools
from pgan_tf.errors import UserError

Arrays = dict[str, np.ndarray]
Images = np.ndarray | list[np.ndarray]  # uint8 [n, H, W, 3], or n images [H, W, 3] of any size
Size = tuple[int, int]  # height, width


class Collector(abc.ABC):
    """Receives images in blocks of any size and computes the arrays that metrics need.

    A metric names the class of its collector. Metrics that name the same class share one collector.

    Class attributes:
      name: part of the keys of cached arrays.
      network: name of the network in `Tools.networks` that it uses, or None.
      group: size of the groups that images are processed in; an incomplete last group is left out.
      grouping: the reason for the groups, for messages.
      one_to_one: True if the images are compared with the same number of reals of the same size.

    Args:
      count: number of images to come, a multiple of `group`.
      shape: (height, width) of the images; None if sizes differ.
      tools: seed, cache and networks.
      random_stream: number of the stream of random numbers to use; sets of images that are
        compared have different ones.
    Raises: UserError when its network is missing; whatever loading the network raises.
    """

    name: ClassVar[str]
    network: ClassVar[str | None] = None
    group: ClassVar[int] = 1
    grouping: ClassVar[str] = ""
    one_to_one: ClassVar[bool] = False

    @abc.abstractmethod
    def __init__(self, count: int, shape: Size | None, tools: Tools, random_stream: int): ...

    @abc.abstractmethod
    def add(self, images: Images) -> None:
        """Processes the next images; a list if their sizes differ."""

    @abc.abstractmethod
    def finish(self) -> Arrays:
        """Returns the arrays computed from all images."""

    @classmethod
    def check(cls, sizes: Sequence[Size], subject: str = "these") -> None:
        """Raises UserError, naming the requirement, if images of these sizes can't be processed.

        Args:
          sizes: all sizes of the images.
          subject: the message's words for the images: "these" or "the reals".
        """
        del sizes, subject  # a collector takes any size unless its class overrides this

    @classmethod
    def weights(cls, tools: Tools) -> dict[str, str]:
        """Returns {key in result files: SHA-256} of the weights that the arrays depend on."""
        return {}

    @classmethod
    def subset(cls, arrays: Arrays, positions: np.ndarray) -> Arrays | None:
        """Returns the arrays of a subset of the images, or None if `arrays` don't determine them.

        Args:
          arrays: the arrays of all images.
          positions: positions of the subset's images.
        """
        return None


def require_power_of_two(sizes: Sequence[Size], minimum: int, subject: str) -> None:
    """Raises UserError unless images are square, of one size, a power of two from `minimum` up."""
    height, width = sizes[0]
    if len(sizes) > 1 or height != width or height < minimum or height & (height - 1):
        raise UserError(
            f"images must be square and of one size, a power of two, {minimum}x{minimum} or more;"
            f" {subject} are {describe_sizes(sizes)}"
        )


def describe_sizes(sizes: Sequence[Size]) -> str:
    """Returns sizes as text, width first: `64x64`, or `64x64, 48x32 and 7 other sizes`."""
    words = [f"{width}x{height}" for height, width in sizes]
    if len(words) > 3:
        words = [*words[:2], f"{len(words) - 2} other sizes"]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]

"""The order in which training sees its images, and reading ahead in it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from pgan_tf.randomness import Role, random_state

Item = TypeVar("Item")
Made = TypeVar("Made")


class ImageOrder:
    """An endless sequence of image indices: whole epochs, each in its own random order.

    The index at a position depends on (seed, position) alone, so a run can be continued from any
    position. The orders of two epochs are kept, with 8 bytes per image each.

    Args:
      num_images: number of images in the data set.
      seed: seed of the orders.
    """

    def __init__(self, num_images: int, seed: int):
        self.num_images = num_images
        self.seed = seed
        self._epochs: dict[int, np.ndarray] = {}

    def indices(self, first: int, count: int) -> np.ndarray:
        """Returns the indices at positions first .. first + count - 1: int64 [count]."""
        parts = []
        while count > 0:
            epoch, offset = divmod(first, self.num_images)
            part = self._epoch(epoch)[offset : offset + count]
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _epoch(self, epoch: int) -> np.ndarray:
        epochs = self._epochs
        if epoch not in epochs:
            order = random_state(self.seed, Role.IMAGE_ORDER, epoch).permutation(self.num_images)
            # A new dictionary, so that other threads never read one that is being changed.
            self._epochs = {k: v for k, v in epochs.items() if k == epoch - 1} | {epoch: order}
            return order
        return epochs[epoch]


def prefetch(
    items: Iterable[Item], make: Callable[[Item], Made], ahead: int = 4, workers: int = 2
) -> Iterator[tuple[Item, Made]]:
    """Yields (item, make(item)) in order; up to `ahead` results are made in the background.

    Raises: what `make` raises for an item, when that item's turn comes.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
    pending: deque = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(make, item)))
            if len(pending) > ahead:
                item, future = pending.popleft()
                yield item, future.result()
        while pending:
            item, future = pending.popleft()
            yield item, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

"""Processes images in chunks of one size, so that results don't depend on their batches."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def padded_chunks(images: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields (chunk of exactly `size` images, number of actual images in it).

    The last chunk is padded with zeros. A function that always gets the same shape is compiled
    once, and its result for an image doesn't depend on the image's batch.
    """
    for start in range(0, len(images), size):
        chunk = images[start : start + size]
        count = len(chunk)
        if count < size:
            padding = np.zeros((size - count, *chunk.shape[1:]), chunk.dtype)
            chunk = np.concatenate([chunk, padding])
        yield chunk, count


def chunk_size(resolution: int, pixels: int, minimum: int = 1) -> int:
    """Returns the number of images, at least `minimum`, that have about `pixels` pixels."""
    return max(pixels // resolution**2, minimum)


def map_rows(function: Callable[[slice], object], rows: int, block: int) -> list:
    """Returns [function(slice)] for consecutive blocks of rows, computed on all cores.

    Threads suffice, because NumPy releases Python's lock.
    """
    slices = [slice(start, min(start + block, rows)) for start in range(0, rows, block)]
    return list(_threads().map(function, slices))


_pool: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), "metrics")
    return _pool

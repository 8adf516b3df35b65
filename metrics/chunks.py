"""Work in chunks of one size, so that results don't depend on how images arrive."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def padded_chunks(images: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields (chunk, number of real entries) of exactly `size` entries, the last one zero-padded.

    A compiled function that only ever sees one shape is compiled once, and treats an image the
    same whatever the batch that it came in.
    """
    for start in range(0, len(images), size):
        chunk = images[start : start + size]
        count = len(chunk)
        if count < size:
            padding = np.zeros((size - count, *chunk.shape[1:]), chunk.dtype)
            chunk = np.concatenate([chunk, padding])
        yield chunk, count


def chunk_size(resolution: int, pixels: int, multiple: int = 1) -> int:
    """Returns how many images of resolution x resolution make about `pixels` pixels."""
    return max(pixels // resolution**2, multiple)


def map_rows(function: Callable[[slice], object], rows: int, block: int) -> list:
    """Returns [function(slice)] for consecutive blocks of rows, computed on all cores.

    NumPy lets go of Python's lock, so threads suffice.
    """
    slices = [slice(start, min(start + block, rows)) for start in range(0, rows, block)]
    return list(_threads().map(function, slices))


_pool: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), "metrics")
    return _pool

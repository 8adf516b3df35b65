"""The levels of detail of an image, from full resolution down to 4x4 (section 4.2)."""

from collections.abc import Iterator

import numpy as np

MIN_RESOLUTION = 4
MAX_RESOLUTION = 8192  # limited because an image and its record are made in memory


def resolutions(resolution: int) -> list[int]:
    """Returns the resolutions of all levels, the full one first: [R, R/2, ..., 8, 4]."""
    return [1 << r for r in range(resolution.bit_length() - 1, 1, -1)]


def is_valid(resolution: int) -> bool:
    """Returns whether a resolution is a power of two of at least 4."""
    return resolution >= MIN_RESOLUTION and resolution & (resolution - 1) == 0


def levels(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the images at R, R/2, ..., 4, each quantised to uint8.

    Each level is the 2x2 mean of the unquantised level above, rounded half to even when it is
    stored. Here exact integer sums are carried from level to level, and divided only to store a
    level. The official tool computes float32 means, which are exact, and so equal to these, for
    8 halvings (1024 to 4).

    Args:
      images: uint8 [N, C, R, R].
    Yields: uint8 [N, C, r, r], contiguous.
    """
    yield images
    sums = images
    for halvings in range(1, images.shape[-1].bit_length() - 2):
        # A sum of 4^k values of at most 255 fits in 8 + 2k bits.
        dtype = np.uint16 if halvings <= 4 else np.uint32 if halvings <= 12 else np.uint64
        rows = np.add(sums[:, :, 0::2], sums[:, :, 1::2], dtype=dtype)
        sums = rows[..., 0::2] + rows[..., 1::2]
        yield _divided(sums, 2 * halvings)


def _divided(sums: np.ndarray, bits: int) -> np.ndarray:
    """Returns sums / 2^bits, rounded half to even, as uint8."""
    quotient = sums >> bits
    # A remainder above one half rounds up; of one half, up if the quotient is odd (to even).
    quotient += (sums & ((1 << bits) - 1)) + (quotient & 1) > (1 << (bits - 1))
    return quotient.astype(np.uint8)

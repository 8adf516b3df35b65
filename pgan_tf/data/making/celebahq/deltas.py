"""Unlocks deltas and adds them to processed images, giving CelebA-HQ (section 5, step 8)."""

import base64
import bz2
import hashlib

import numpy as np
from cryptography.fernet import Fernet, InvalidToken

from pgan_tf.data.making.celebahq.alignment import RESOLUTION, ImageError

SHAPE = (3, RESOLUTION, RESOLUTION)
_SIZE = 3 * RESOLUTION * RESOLUTION
_ITERATIONS = 100_000

_MARGIN = 16  # a sum this far from 0 and 255 can't have wrapped around
_RARER = 2.0  # factor by which decoders' differences become rarer with each level, at least
_NEIGHBOURS = 8  # neighbouring sizes on either side that are counted with a size


def unlock(token: bytes, jpg: bytes, jpg_name: str) -> np.ndarray:
    """Decrypts and decompresses a delta.

    Args:
      token: content of a `delta%05d.dat`: a Fernet token whose key is derived from the photograph
        by PBKDF2-HMAC-SHA256 (password: the file, salt: its name, 100,000 iterations).
      jpg: content of the photograph's file.
      jpg_name: name of the photograph's file.
    Returns: the delta, uint8 [3, 1024, 1024].
    Raises: ImageError if photograph and delta don't belong together, or one is damaged.
    """
    key = hashlib.pbkdf2_hmac("sha256", jpg, jpg_name.encode(), _ITERATIONS, 32)
    try:
        packed = Fernet(base64.urlsafe_b64encode(key)).decrypt(token)
    except InvalidToken as error:
        raise ImageError(
            f"the delta can't be decrypted: {jpg_name} isn't the original file, or the delta is"
            " damaged"
        ) from error
    try:
        unpacker = bz2.BZ2Decompressor()
        delta = unpacker.decompress(packed, _SIZE + 1)  # at most so much, even of a huge delta
    except (OSError, EOFError) as error:
        raise ImageError(f"the delta can't be unpacked: {error}") from error
    if len(delta) != _SIZE:
        raise ImageError(f"the delta doesn't hold {_SIZE} bytes")
    return np.frombuffer(delta, np.uint8).reshape(SHAPE)


def add(processed: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Returns processed + delta modulo 256, which is exact if every level of `processed` is right.

    Args:
      processed, delta: uint8, same shape.
    """
    return processed + delta


def add_nearly(processed: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Returns processed + delta without specks, if `processed` may be some levels off.

    The delta is a difference modulo 256: a stored d can mean d or d - 256. With one of these two
    readings, the sum with the processed value p lies in 0..255; this reading is right if p is
    right. With the other the sum lies x >= 1 levels outside; it can be right only if p is off by x
    or more, and then the sum is clipped. Example: the right p is 254, d = 1, and the decoder gave
    p = 255. The right sum is 255; modulo 256 it would be 0, a black speck in white.

    The image itself shows which reading is likelier. If the sum lies at least 16 levels inside the
    range, only one reading is possible, so the sizes of differences are counted at those pixels.
    The reading outside the range is taken if its size is more than 2^x times as frequent as the
    other's, with a margin for chance. This works if small differences are the most frequent, as in
    CelebA-HQ.

    Args:
      processed, delta: uint8, same shape.
    Returns: uint8; no further from the right image than `processed` is, as long as large
      differences are rare.
    """
    pairs = (processed.astype(np.uint16) << 8) | delta
    counts = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(256, 256)
    return _sums(counts).ravel()[pairs]


def _sums(counts: np.ndarray) -> np.ndarray:
    """Returns the sum to use for each processed value p and delta d, uint8 [256, 256].

    Args:
      counts: number of pixels with each p and d, [256, 256].
    """
    p, d = np.arange(256)[:, None], np.arange(256)
    inside = (p + d) % 256
    wrapped = p + d > 255
    least, most = _frequencies(counts, inside)
    difference = abs(inside - p)
    levels_outside = np.where(wrapped, p + d - 255, 256 - p - d)
    is_outside = least[256 - difference] > most[difference] * _RARER ** levels_outside.astype(float)
    is_outside &= d > 0  # for d = 0 the other reading is -256, which no two levels differ by
    return np.where(is_outside, np.where(wrapped, 255, 0), inside).astype(np.uint8)


def _frequencies(counts: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates the frequency of differences of each size, at the pixels where they are possible.

    Args:
      counts: number of pixels with each p and d, [256, 256].
      inside: p + d modulo 256, [256, 256].
    Returns: lower and upper bound of the frequency, two standard deviations from the estimate, for
      sizes 0..256, float64 [257] each. A size that is possible nowhere has the bounds 0 and inf.
    """
    p, d = np.arange(256)[:, None], np.arange(256)
    is_certain = (inside >= _MARGIN) & (inside < 256 - _MARGIN) & (d > 0)
    size = abs(inside - p)[is_certain]
    # Every pixel with this p and any d > 0 could have had the difference.
    pixels = np.broadcast_to(counts[:, 1:].sum(1, keepdims=True), counts.shape)
    # Sizes are counted with their neighbours. Sizes that are never certain use the count of the
    # largest size that is.
    centre = np.minimum(np.arange(257), 255 - 2 * _MARGIN)
    occurred = _window_sums(np.bincount(size, counts[is_certain], 257), centre)
    possible = _window_sums(np.bincount(size, pixels[is_certain], 257), centre)
    chance = 2 * np.sqrt(occurred)
    least = np.maximum(occurred - chance, 0) / np.maximum(possible, 1)
    most = np.full(257, np.inf)
    np.divide(occurred + chance + 4, possible, out=most, where=possible > 0)
    return least, most


def _window_sums(values: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Returns the sums of values[centre - _NEIGHBOURS .. centre + _NEIGHBOURS]."""
    cumulated = np.concatenate([[0], np.cumsum(values)])
    high = np.minimum(centre + _NEIGHBOURS + 1, len(values))
    return cumulated[high] - cumulated[np.maximum(centre - _NEIGHBOURS, 0)]

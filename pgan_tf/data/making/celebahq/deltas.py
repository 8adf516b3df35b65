"""From the processed image to CelebA-HQ's: what the deltas hold (section 5, step 8)."""

import base64
import bz2
import hashlib

import numpy as np
from cryptography.fernet import Fernet, InvalidToken

from pgan_tf.data.making.celebahq.alignment import RESOLUTION, ImageError

SHAPE = (3, RESOLUTION, RESOLUTION)
_SIZE = 3 * RESOLUTION * RESOLUTION
_ITERATIONS = 100_000

_MARGIN = 16  # a sum this far from 0 and 255 can't be mistaken for one that wrapped
_RARER = 2.0  # how much rarer each further level is by which decoders differ, at least
_NEIGHBOURS = 8  # sizes on either side whose frequency stands for a size's own


def unlock(token: bytes, jpg: bytes, jpg_name: str) -> np.ndarray:
    """Decrypts and unpacks a delta.

    Args:
      token: content of a `delta%05d.dat`: a Fernet token whose key is derived from the photograph
        by PBKDF2-HMAC-SHA256 (password: the file, salt: its name, 100,000 iterations).
      jpg: content of the photograph's file.
      jpg_name: name of the file.
    Returns: uint8 [3, 1024, 1024].
    Raises: ImageError when photograph and delta don't belong together, or one is damaged.
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
        delta = unpacker.decompress(packed, _SIZE + 1)  # no more, however much is packed
    except (OSError, EOFError) as error:
        raise ImageError(f"the delta can't be unpacked: {error}") from error
    if len(delta) != _SIZE:
        raise ImageError(f"the delta doesn't hold {_SIZE} bytes")
    return np.frombuffer(delta, np.uint8).reshape(SHAPE)


def add(processed: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Returns the sum modulo 256: CelebA-HQ's image, if `processed` is right to the last level.

    Args:
      processed, delta: uint8, same shape.
    """
    return processed + delta


def add_nearly(processed: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Returns processed + delta without specks, where `processed` may be some levels off.

    The delta is a difference modulo 256: a stored d can mean d or d - 256. With one of the two the
    sum lies in 0..255; that one is right if p is. With the other the sum lies x >= 1 levels
    outside; that one is right if p is off by x or more, and the sum is then clipped. Example: the
    right p is 254, d = 1, and the decoder gave p = 255. The right sum is 255; modulo 256 it would
    be 0, a black speck in white.

    The image itself tells which reading is likelier. Where the sum lies at least 16 levels inside
    the range, only one reading is possible; there the sizes of differences are counted. The
    reading outside is taken if its size is more than 2^x times as frequent as the other's, with a
    margin for chance. This rests on small differences being the usual ones, as in CelebA-HQ.

    Args:
      processed, delta: uint8, same shape.
    Returns: uint8; no further from the right image than `processed` is, as long as large
      differences are rare.
    """
    pairs = (processed.astype(np.uint16) << 8) | delta
    counts = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(256, 256)
    return _sums(counts).ravel()[pairs]


def _sums(counts: np.ndarray) -> np.ndarray:
    """Returns the sum to take for each p and d, uint8 [256, 256].

    Args:
      counts: pixels that have p and d, [256, 256].
    """
    p, d = np.arange(256)[:, None], np.arange(256)
    inside = (p + d) % 256
    wrapped = p + d > 255
    least, most = _frequencies(counts, inside)
    difference = abs(inside - p)
    levels_outside = np.where(wrapped, p + d - 255, 256 - p - d)
    is_outside = least[256 - difference] > most[difference] * _RARER ** levels_outside.astype(float)
    is_outside &= d > 0  # then the other reading, -256, is no difference of two levels
    return np.where(is_outside, np.where(wrapped, 255, 0), inside).astype(np.uint8)


def _frequencies(counts: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how often differences of each size occur where they can.

    Args:
      counts: pixels that have p and d, [256, 256].
      inside: p + d modulo 256, [256, 256].
    Returns: the least and the most that two standard deviations of chance allow, for sizes
      0..256, float64 [257] each. A size that could occur nowhere has least 0 and most infinite.
    """
    p, d = np.arange(256)[:, None], np.arange(256)
    is_certain = (inside >= _MARGIN) & (inside < 256 - _MARGIN) & (d > 0)
    size = abs(inside - p)[is_certain]
    # Of the pixels that differ at all, those that have p could have differed by this much.
    pixels = np.broadcast_to(counts[:, 1:].sum(1, keepdims=True), counts.shape)
    # Of each size and its neighbours; the sizes that are never certain are as the largest that is.
    centre = np.minimum(np.arange(257), 255 - 2 * _MARGIN)
    occurred = _around(np.bincount(size, counts[is_certain], 257), centre)
    possible = _around(np.bincount(size, pixels[is_certain], 257), centre)
    chance = 2 * np.sqrt(occurred)
    least = np.maximum(occurred - chance, 0) / np.maximum(possible, 1)
    most = np.full(257, np.inf)
    np.divide(occurred + chance + 4, possible, out=most, where=possible > 0)
    return least, most


def _around(values: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Returns the sums of values[centre - _NEIGHBOURS .. centre + _NEIGHBOURS]."""
    cumulated = np.concatenate([[0], np.cumsum(values)])
    high = np.minimum(centre + _NEIGHBOURS + 1, len(values))
    return cumulated[high] - cumulated[np.maximum(centre - _NEIGHBOURS, 0)]

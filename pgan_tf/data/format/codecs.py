"""Codecs for the images of compressed records, an extension of the official format."""

import io
import zlib

import numpy as np
from PIL import Image

from pgan_tf.data.format.records import RecordError

CODECS = ("png", "gzip")
MIN_RESOLUTION = 32  # smaller images stay plain, as compression gains nothing on them

_GZIP_WINDOW = 31  # zlib's code for its largest window with a gzip header


def compress(image: np.ndarray, codec: str) -> bytes:
    """Returns a uint8 image [C, H, W], C = 1 or 3, compressed by one of CODECS."""
    if codec == "png":
        out = io.BytesIO()
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, "png", compress_level=3)
        return out.getvalue()
    packer = zlib.compressobj(wbits=_GZIP_WINDOW)
    return packer.compress(np.ascontiguousarray(image)) + packer.flush()


def decompress(data: bytes, codec: str | None, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns the uint8 image of the given shape [C, H, W] that the data hold.

    The output never exceeds that shape's size, whatever the data declare.

    Raises: RecordError when the data can't be unpacked to that shape.
    """
    try:
        if codec == "png":
            pixels = _png_pixels(data, shape)
        elif codec == "gzip":
            size = int(np.prod(shape))
            packed = zlib.decompressobj(wbits=_GZIP_WINDOW)
            pixels = np.frombuffer(packed.decompress(data, size + 1), np.uint8).reshape(shape)
        elif codec is None:
            pixels = np.frombuffer(data, np.uint8).reshape(shape)
        else:
            raise RecordError(f"unknown codec {codec!r}")
    except (
        ValueError, OSError, SyntaxError, zlib.error, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise RecordError(f"its image can't be unpacked ({error})") from error
    return pixels


def _png_pixels(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    channels, height, width = shape
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.size != (width, height) or image.mode != {1: "L", 3: "RGB"}.get(channels):
            raise ValueError(f"{image.mode} {image.size} instead of {shape}")
        pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)

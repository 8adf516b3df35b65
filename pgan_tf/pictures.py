"""Grids and PNG files of uint8 images."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from pgan_tf.files import atomic_path

GRID_PIXELS = {"1080p": (1920, 1080, 3, 2), "4k": (3840, 2160, 7, 4)}
"""Name -> width and height in pixels, fewest columns, fewest rows of an image grid."""


def enlarge(images: np.ndarray, resolution: int) -> np.ndarray:
    """Upscales images [n, r, r, C] to `resolution` by nearest neighbour."""
    factor = resolution // images.shape[1]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def average_squares(images: np.ndarray, resolution: int) -> np.ndarray:
    """Downscales images by a box filter: the means of square blocks of pixels.

    Args:
      images: [n, r, r, C], r a multiple of `resolution`.
      resolution: height and width of the result.
    Returns: [n, resolution, resolution, C]; float32 for float32 images, float64 for uint8.
    """
    n, r, _, channels = images.shape
    factor = r // resolution
    squares = images.reshape(n, resolution, factor, resolution, factor, channels)
    return squares.mean(axis=(2, 4))


def grid_size(name: str, resolution: int) -> tuple[int, int]:
    """Returns (columns, rows), at most 32 each, of a grid of images of this resolution.

    Args:
      name: a key of `GRID_PIXELS`.
    """
    width, height, least_columns, least_rows = GRID_PIXELS[name]
    columns = int(np.clip(width // resolution, least_columns, 32))
    rows = int(np.clip(height // resolution, least_rows, 32))
    return columns, rows


def make_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Arranges images, uint8 [n, h, w, C], in rows: [rows * h, columns * w, C].

    Cells left over in the last row are black.
    """
    n, h, w, c = images.shape
    rows = -(-n // columns)
    cells = np.zeros([rows * columns, h, w, c], np.uint8)
    cells[:n] = images
    cells = cells.reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * h, columns * w, c)


def save_png(image: np.ndarray, path: str | os.PathLike) -> Path:
    """Writes an image, uint8 [h, w, 1 or 3], as a PNG file, atomically; returns the path."""
    with atomic_path(path) as partial:
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture.save(partial, format="PNG")
    return Path(path)

"""Images for people: from the generator's range to PNG files and grids."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from pgan_tf.files import atomic_path
from pgan_tf.networks import Generator, Lod

GRID_PIXELS = {"1080p": (1920, 1080, 3, 2), "4k": (3840, 2160, 7, 4)}
"""Name -> width, height, least columns, least rows of an image grid."""

_BATCH_PIXELS = 1 << 22


def to_uint8(images: np.ndarray) -> np.ndarray:
    """[-1, 1] -> 0..255, rounded and clipped; any shape."""
    return np.clip(np.floor(np.asarray(images) * 127.5 + 128.0), 0, 255).astype(np.uint8)


def latents_of(seeds: np.ndarray, latent_size: int) -> np.ndarray:
    """Returns one latent for each seed: float32 [n, latent_size], N(0, 1).

    NumPy's RandomState(seed) gives the same numbers on every machine and in every version.
    """
    rows = [np.random.RandomState(seed).randn(latent_size) for seed in seeds]
    return np.array(rows, np.float32).reshape(-1, latent_size)


class ImageGenerator:
    """Runs a generator on any number of latents, in batches of one size.

    The size never changes at a resolution, the last batch being filled up, so that an image does
    not depend on how many others are asked for at a time.

    Args:
      Gs: the generator.
      lod: of the images; may be set to another at any time. What is compiled serves a whole
        stage: all of its fade, or the lod that it ends at.
      most: images in a batch; fewer where they have more than 512x512 pixels.
      xla: compile with XLA: the same bits in every run on a CPU, whatever else it is doing.
    """

    def __init__(self, Gs: Generator, lod: float = 0.0, most: int = 16, xla: bool = True):
        self.Gs, self.lod = Gs, lod
        self._most, self._xla = most, xla
        self._stage: tuple[int, bool] | None = None  # that _run is for
        self._run: Callable | None = None

    @property
    def minibatch(self) -> int:
        """Size of the batches at the current lod."""
        return int(
            np.clip(_BATCH_PIXELS // (self.Gs.resolution >> int(self.lod)) ** 2, 1, self._most)
        )

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Returns uint8 [n, r, r, C] for latents [n, latent_size], labels [n, label_size]."""
        lod = self.Gs.check_lod(self.lod)
        if labels is None:
            labels = np.zeros([len(latents), self.Gs.label_size], np.float32)
        size = self.minibatch
        run = self._compiled(lod.level, lod.fade is not None)
        fade = np.float32(lod.fade or 0.0)
        parts = []
        for first in range(0, len(latents), size):
            z, y = (a[first : first + size] for a in (latents, labels))
            missing = size - len(z)
            z, y = (np.pad(a, [[0, missing], [0, 0]], mode="edge") for a in (z, y))
            parts.append(to_uint8(run(z, y, fade).numpy())[: size - missing])
        return np.concatenate(parts)

    def _compiled(self, level: int, fading: bool) -> Callable:
        if self._stage != (level, fading):

            def run(z, y, weight):
                return self.Gs(z, y, lod=Lod(level, weight if fading else None))

            self._stage = level, fading
            self._run = tf.function(run, jit_compile=self._xla, autograph=False)
        return self._run


def enlarge(images: np.ndarray, resolution: int) -> np.ndarray:
    """Nearest-neighbour upscaling of [n, r, r, C] to `resolution`."""
    factor = resolution // images.shape[1]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def grid_size(name: str, resolution: int) -> tuple[int, int]:
    """Returns (columns, rows) of a grid of images of this resolution, at most 32 each."""
    width, height, least_columns, least_rows = GRID_PIXELS[name]
    columns = int(np.clip(width // resolution, least_columns, 32))
    rows = int(np.clip(height // resolution, least_rows, 32))
    return columns, rows


def make_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Lays out uint8 [n, h, w, C] row by row: [rows * h, columns * w, C]; black where none."""
    n, h, w, c = images.shape
    rows = -(-n // columns)
    cells = np.zeros([rows * columns, h, w, c], np.uint8)
    cells[:n] = images
    cells = cells.reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * h, columns * w, c)


def save_png(image: np.ndarray, path: str | os.PathLike) -> Path:
    """Writes uint8 [h, w, 1 or 3] as a PNG, atomically; returns the path."""
    with atomic_path(path) as partial:
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        picture.save(partial, format="PNG")
    return Path(path)

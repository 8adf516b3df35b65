"""Latents -> images, for grids, metrics, films, exports and projection alike."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pgan_tf.networks import Generator, Lod

_BATCH_PIXELS = 1 << 22


def synthesize(
    Gs: Generator,
    latents: tf.Tensor | np.ndarray,
    labels: tf.Tensor | np.ndarray | None = None,
    lod: float | Lod | None = None,
) -> tf.Tensor:
    """Returns images of a generator; differentiable with respect to latents and labels.

    Layers with running statistics use them as they are. `Synthesis` is the compiled form.

    Args:
      Gs: the generator; use float32 for images that people see.
      latents: [N, latent_size].
      labels: [N, label_size]; None for rows of zeros.
      lod: level of detail; None for the network's own.
    Returns: float32 [N, r, r, C], r = R / 2^floor(lod), in about [-1, 1].
    Raises: ValueError for other shapes, or a lod out of range.
    """
    latents = tf.convert_to_tensor(latents, tf.float32)
    if labels is None and Gs.label_size:
        labels = tf.zeros([tf.shape(latents)[0], Gs.label_size])
    return Gs(latents, labels, lod=lod, training=False)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Converts images of any shape from [-1, 1] to 0..255, rounded and clipped."""
    return np.clip(np.floor(np.asarray(images) * 127.5 + 128.0), 0, 255).astype(np.uint8)


class Synthesis:
    """`synthesize`, compiled, for any number of latents.

    All batches at a resolution have the same size, and the last one is padded. So an image does not
    depend on how many images are made with it.

    Args:
      Gs: the generator.
      lod: level of detail of the images, which can be changed at any time; None for the network's
        own. One compiled function serves all of a fade, or the whole lod that the fade ends at.
      most: images per batch, at most; a batch also has at most 2^22 pixels, 4 images of 1024x1024.
      xla: compile with XLA: a CPU then gives the same bits in every run, whatever its load.
    """

    def __init__(self, Gs: Generator, lod: float | None = None, most: int = 16, xla: bool = True):
        self.Gs = Gs
        self.lod = Gs.lod if lod is None else lod
        self._most, self._xla = most, xla
        self._compiled_for: tuple[int, bool] | None = None
        self._run: Callable | None = None

    @property
    def minibatch(self) -> int:
        """Size of the batches at the current lod."""
        return int(np.clip(_BATCH_PIXELS // self.resolution**2, 1, self._most))

    @property
    def resolution(self) -> int:
        """Height and width of the images at the current lod."""
        return self.Gs.resolution >> int(self.lod)

    def __call__(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Returns uint8 [n, r, r, C] for latents [n, latent_size], labels [n, label_size]."""
        return self._in_batches(latents, labels, to_uint8)

    def floats(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Returns float32 [n, r, r, C], in about [-1, 1]; takes the same arguments as a call."""
        return self._in_batches(latents, labels, np.asarray)

    def _in_batches(self, latents, labels, convert: Callable) -> np.ndarray:
        lod = self.Gs.check_lod(self.lod)
        latents = np.asarray(latents, np.float32)
        if labels is None:
            labels = np.zeros([len(latents), self.Gs.label_size], np.float32)
        size = self.minibatch
        run = self._compiled(lod.level, lod.fade is not None)
        fade = np.float32(lod.fade or 0.0)
        shape = (0, self.resolution, self.resolution, self.Gs.num_channels)
        parts = [convert(np.zeros(shape, np.float32))]
        for first in range(0, len(latents), size):
            z, y = (a[first : first + size] for a in (latents, labels))
            missing = size - len(z)
            z, y = (np.pad(a, [[0, missing], [0, 0]], mode="edge") for a in (z, y))
            parts.append(convert(run(z, y, fade).numpy())[: size - missing])
        return np.concatenate(parts)

    def _compiled(self, level: int, fading: bool) -> Callable:
        if self._compiled_for != (level, fading):

            def run(z, y, weight):
                return synthesize(self.Gs, z, y, Lod(level, weight if fading else None))

            self._compiled_for = level, fading
            self._run = tf.function(run, jit_compile=self._xla, autograph=False)
        return self._run

"""`Sampler`: makes images with a trained generator, from and to NumPy arrays."""

import os
from collections.abc import Iterable

import numpy as np

from pgan_tf import latents as latents_module
from pgan_tf.inference import Synthesis
from pgan_tf.snapshots import Snapshot, load_snapshot
from pgan_tf.truncation import Truncation


class Sampler:
    """A snapshot's smoothed generator Gs, for use from Python (docs/python.md).

    Latents are float32 [n, latent_size]; one latent [latent_size] gives one image. A class is a
    number from 0, or a name; None: the network's classes in turn.

    Args:
      snapshot: a loaded snapshot, a snapshot's file, a run, or a directory of runs; uses the newest
        snapshot there.
      lod: level of detail of the images; None for the snapshot's own.
      xla: compile with XLA, as the command lines do; False makes the first image come sooner.

    Attributes:
      snapshot: the `Snapshot`: networks, options, images shown, class names.
      Gs: its smoothed generator.
      synthesis: the compiled generator, which takes labels of your own.
    Raises: UserError when there is no snapshot or no such class; ValueError for other shapes.
    """

    def __init__(
        self, snapshot: str | os.PathLike | Snapshot, lod: float | None = None, xla: bool = True
    ):
        self.snapshot = snapshot if isinstance(snapshot, Snapshot) else load_snapshot(snapshot)
        self.Gs = self.snapshot.Gs
        self.synthesis = Synthesis(self.Gs, self.snapshot.lod if lod is None else lod, xla=xla)
        self._truncation = Truncation(self.Gs)

    def __repr__(self) -> str:
        r, classes = self.synthesis.resolution, self.Gs.label_size
        size = f"{r}x{r}, latents of {self.Gs.latent_size}"
        return f"<Sampler of {self.snapshot.path}: {size}, {classes or 'no'} classes>"

    def latents(self, seeds: Iterable[int]) -> np.ndarray:
        """Returns the latent of each seed: float32 [n, latent_size]."""
        return latents_module.from_seeds(list(seeds), self.Gs.latent_size)

    def labels(self, numbers: Iterable[int], class_name: int | str | None = None) -> np.ndarray:
        """Returns one-hot labels, float32 [n, label_size].

        Args:
          numbers: seeds, or row numbers of latents.
          class_name: class of all rows; None: the classes in turn, by number.
        """
        classes = self.snapshot.classes(numbers, class_name)
        return latents_module.one_hot(classes, self.Gs.label_size)

    def sample(
        self, seeds: Iterable[int], psi: float = 1.0, class_name: int | str | None = None
    ) -> np.ndarray:
        """Returns the images that `python -m pgan_tf.generate` makes from seeds.

        Args:
          seeds: one for each image.
          psi: truncation, 0 to 1; 1 for none.
          class_name: class of all images; None: seed modulo the number of classes.
        Returns: uint8 [n, r, r, C].
        """
        seeds = list(seeds)
        z, y = self.latents(seeds), self.labels(seeds, class_name)
        return self.synthesis(self._truncation(z, y, psi), y)

    def images(self, latents: np.ndarray, class_name: int | str | None = None) -> np.ndarray:
        """Returns the images of latents.

        Args:
          latents: [..., latent_size].
          class_name: class of all images; None: number of the latent modulo the number of classes.
        Returns: uint8 [..., r, r, C].
        """
        shape, rows = self._rows(latents)
        images = self.synthesis(rows, self.labels(range(len(rows)), class_name))
        return images.reshape(*shape, *images.shape[1:])

    def truncate(
        self, latents: np.ndarray, psi: float, class_name: int | str | None = None
    ) -> np.ndarray:
        """Returns latents moved towards the latent of a typical image of their class.

        The first call for each class finds its typical image; see `truncation.centre`.

        Args:
          latents: [..., latent_size].
          psi: from 0 (the typical image's latent) to 1 (the latents unchanged).
          class_name: see `images`.
        Returns: float32, of the same shape.
        """
        _, rows = self._rows(latents)
        y = self.labels(range(len(rows)), class_name)
        return self._truncation(rows, y, psi).reshape(np.shape(latents))

    def interpolate(
        self, a: np.ndarray, b: np.ndarray, count: int, straight: bool = False
    ) -> np.ndarray:
        """Returns latents from a to b, both included, in equal steps.

        Args:
          a, b: [latent_size].
          count: number of latents, at least 2.
          straight: move on the straight line, not along the arc (`latents.spherical`).
        Returns: float32 [count, latent_size].
        """
        between = latents_module.straight if straight else latents_module.spherical
        return between(np.asarray(a), np.asarray(b), np.linspace(0, 1, count))

    def _rows(self, latents: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
        """Returns the shape of latents without its last axis, and the latents as rows."""
        latents = np.asarray(latents, np.float32)
        if latents.shape[-1:] != (self.Gs.latent_size,):
            raise ValueError(f"latents {latents.shape}: [n, {self.Gs.latent_size}] is needed")
        return latents.shape[:-1], latents.reshape(-1, self.Gs.latent_size)

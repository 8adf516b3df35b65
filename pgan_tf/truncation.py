"""Truncation: moves images towards a typical one; they vary less and often look better.

The paper has no truncation. Scaling the latents would have no effect, since the generator
normalises their length (section 1). Instead, each latent moves along an arc towards a centre, the
latent whose image is the most typical.
"""

from collections.abc import Sequence

import numpy as np

from pgan_tf import progress
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis
from pgan_tf.latents import spherical
from pgan_tf.networks import Generator
from pgan_tf.pictures import average_squares
from pgan_tf.randomness import Role, random_state

CANDIDATES = 1024
"""Number of random latents that a centre is chosen from."""

_MOST_OPERATIONS = 4e12  # to make the images of all candidates: a minute on two cores
_COMPARED = 32  # largest height and width of the compared images, in pixels


def centre(
    Gs: Generator, label: np.ndarray | Sequence[float] | None = None, candidates: int = CANDIDATES
) -> np.ndarray:
    """Returns the latent whose image is nearest to the mean of many images.

    Let x_i be the images of random latents z_i, which are the same in every call. Then

        centre = z_k,  k = argmin_i |x_i - mean_j x_j|^2.

    The images are made at the network's own lod and downscaled to at most 32x32. If making them
    takes more than 4e12 operations, a coarser lod is used, the finest that takes fewer: 16x16 for a
    network of the paper's size. The layer that makes images of that size was last trained when they
    were the finest.

    Args:
      Gs: the generator.
      label: [label_size], the label of all candidates; None for zeros.
      candidates: number of random latents.
    Returns: float32 [latent_size].
    Raises: ValueError for a label of another size, or no candidates.
    """
    row = np.zeros(Gs.label_size) if label is None else np.asarray(label, np.float32)
    if row.shape != (Gs.label_size,):
        raise ValueError(f"label {row.shape}: [{Gs.label_size}] is needed")
    if candidates < 1:
        raise ValueError(f"candidates={candidates}: one or more are needed")
    z = random_state(0, Role.CENTRE).randn(candidates, Gs.latent_size).astype(np.float32)
    synthesis = Synthesis(Gs, affordable_lod(Gs, candidates), most=64, xla=False)
    y = np.tile(row, [candidates, 1])
    step, parts = synthesis.minibatch, []
    with progress.bar("images") as bar:
        task = bar.add_task("Looking for a typical image", total=candidates)
        for first in range(0, candidates, step):
            part = slice(first, first + step)
            images = synthesis.floats(z[part], y[part])
            parts.append(average_squares(images, min(synthesis.resolution, _COMPARED)))
            bar.advance(task, len(z[part]))
    images = np.concatenate(parts).reshape(candidates, -1)
    distances = np.square(images - images.mean(axis=0, dtype=np.float64)).sum(axis=1)
    return z[distances.argmin()]


def truncate(latents: np.ndarray, centre: np.ndarray, psi: np.ndarray | float) -> np.ndarray:
    """Moves latents towards a centre: spherical(centre, latents, psi).

    Args:
      latents: [..., latent_size].
      centre: [latent_size], or one for each latent.
      psi: 0 to 1, one number or [...]: 1 leaves a latent as it is, 0 makes it the centre, both bit
        for bit.
    Returns: float32 [..., latent_size].
    Raises: UserError for psi out of range. More than 1 would lead past the latent, and in the end
      to the far side of the sphere, where all images are alike again.
    """
    psi = check_psi(psi)
    z = np.asarray(latents, np.float32)
    centre = np.broadcast_to(np.asarray(centre, np.float32), z.shape)
    psi_1, psi_0 = psi[..., None] == 1, psi[..., None] == 0
    return np.where(psi_1, z, np.where(psi_0, centre, spherical(centre, z, psi)))


def check_psi(psi: np.ndarray | float) -> np.ndarray:
    """Returns psi as an array.

    Raises: UserError unless it is from 0 to 1.
    """
    psi = np.asarray(psi, np.float64)
    if not ((psi >= 0) & (psi <= 1)).all():
        raise UserError(f"psi {psi} is not from 0 (all images are alike) to 1 (no truncation)")
    return psi


class Truncation:
    """`truncate` for one generator, whose centres (one per class) it finds when first needed.

    Args:
      Gs: the generator.
    """

    def __init__(self, Gs: Generator):
        self.Gs = Gs
        self._centres: dict[bytes, np.ndarray] = {}

    def __call__(
        self, latents: np.ndarray, labels: np.ndarray | None = None, psi: float = 1.0
    ) -> np.ndarray:
        """Returns latents moved towards the centre of their label; unchanged if psi is 1.

        Args:
          latents: [N, latent_size].
          labels: [N, label_size]; None for zeros.
          psi: 0 to 1.
        Returns: float32 [N, latent_size].
        Raises: UserError for psi out of range.
        """
        latents = np.asarray(latents, np.float32)
        if check_psi(psi) == 1 or not len(latents):
            return latents
        if labels is None:
            labels = np.zeros([len(latents), self.Gs.label_size], np.float32)
        return truncate(latents, np.stack([self.centre(row) for row in labels]), psi)

    def prepare(self, labels: np.ndarray, psi: float) -> None:
        """Finds the centres for these labels ahead of a call.

        Args:
          labels: [N, label_size].
          psi: 0 to 1; 1 needs no centres.
        Raises: UserError for psi out of range.
        """
        if check_psi(psi) < 1:
            for row in labels:
                self.centre(row)

    def centre(self, label: np.ndarray | None = None) -> np.ndarray:
        """Returns the centre of a label [label_size]; None for zeros."""
        row = np.zeros(self.Gs.label_size) if label is None else label
        key = np.asarray(row, np.float32).tobytes()
        if key not in self._centres:
            self._centres[key] = centre(self.Gs, row)
        return self._centres[key]


def affordable_lod(Gs: Generator, images: int) -> float:
    """Returns the finest lod at which this number of images takes at most 4e12 operations.

    That is the network's own lod or a coarser one; the lod of 4x4 images if all take more.
    """
    lod = Gs.check_lod(None)
    own = lod.level + float(lod.fade or 0.0)
    stages = range(Gs.shape.finest - lod.level, 1, -1)
    affordable = [s for s in stages if images * Gs.operations(s) <= _MOST_OPERATIONS] or [2]
    return own if affordable[0] == stages[0] else float(Gs.lod_of(affordable[0]))

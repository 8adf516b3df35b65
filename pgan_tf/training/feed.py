"""What each iteration of a training takes: a function of (seed, images shown)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.order import ImageOrder, random_state
from pgan_tf.schedule import Phase, phase_at
from pgan_tf.training.step import DiscriminatorBatch, GeneratorBatch

_D_STEP, _G_STEP, _GRID = 2, 3, 4  # roles of random streams; 1 is the images' order


class Iteration(NamedTuple):
    """Where an iteration stands.

    Attributes:
      nimg: images shown before it.
      phase: what the schedule says; looked up every `minibatch_repeats` iterations, so
        `phase.nimg` may be less than `nimg`.
    """

    nimg: int
    phase: Phase


def iterations(
    config: Config, resolution: int, replicas: int, nimg: int, phase_nimg: int
) -> Iterator[Iteration]:
    """Yields the iterations of a run from `nimg` on, until `train.total_kimg`.

    Args:
      nimg: images shown so far.
      phase_nimg: images shown when the schedule was last looked up; with it, a run that was
        stopped between two look-ups goes on as if it had not been.
    """
    train = config.train
    phase = phase_at(config.schedule, phase_nimg, resolution, replicas)
    while nimg < train.total_kimg * 1000:
        shown = phase.minibatch * train.D_repeats
        if nimg - phase.nimg >= shown * train.minibatch_repeats:
            phase = phase_at(config.schedule, nimg, resolution, replicas)
            shown = phase.minibatch * train.D_repeats
        yield Iteration(nimg, phase)
        nimg += shown


class Feed:
    """Makes the batches of an iteration.

    Args:
      dataset: of reals.
      config: seed, mirroring, labels, repeats.
      latent_size: of the generator.
    """

    def __init__(self, dataset: Dataset | SyntheticDataset, config: Config, latent_size: int):
        self.dataset = dataset
        self.config = config
        self.latent_size = latent_size
        self.labels = dataset.labels if config.data.labels else None
        self._order = ImageOrder(dataset.num_images, config.train.seed)

    def batches(
        self, iteration: Iteration
    ) -> tuple[tuple[DiscriminatorBatch, ...], GeneratorBatch]:
        """Returns one batch for each D step, and that of the G step."""
        phase, repeats = iteration.phase, self.config.train.D_repeats
        firsts = [iteration.nimg + i * phase.minibatch for i in range(repeats)]
        return (
            tuple(self._discriminator_batch(first, phase) for first in firsts),
            self._generator_batch(iteration.nimg, phase.minibatch),
        )

    def _discriminator_batch(self, nimg: int, phase: Phase) -> DiscriminatorBatch:
        n = phase.minibatch
        indices = self._order.indices(nimg, n)
        random = random_state(self.config.train.seed, _D_STEP, nimg)
        return DiscriminatorBatch(
            reals=self.dataset.read(phase.resolution, indices),
            labels=self._labels(indices),
            latents=random.randn(n, self.latent_size).astype(np.float32),
            mixing=random.random_sample(n).astype(np.float32),
            flips=(random.random_sample(n) < 0.5) & self.config.data.mirror,
        )

    def _generator_batch(self, nimg: int, n: int) -> GeneratorBatch:
        random = random_state(self.config.train.seed, _G_STEP, nimg)
        return GeneratorBatch(
            latents=random.randn(n, self.latent_size).astype(np.float32),
            labels=self._labels(random.randint(self.dataset.num_images, size=n)),
        )

    def _labels(self, indices: np.ndarray) -> np.ndarray:
        if self.labels is None:
            return np.zeros([len(indices), 0], np.float32)
        return self.labels[indices]

    def grid(self, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what the image grids show, row by row, the same at every time of the run.

        Returns: image indices [n] of reals, latents [n, latent_size], labels [n, label_size],
          n = columns * rows. With `train.image_layout` row_per_class, row i shows class i
          (modulo the number of classes).
        """
        random = random_state(self.config.train.seed, _GRID)
        n = columns * rows
        rounds = -(-n // self.dataset.num_images)  # every image once before any comes again
        indices = [random.permutation(self.dataset.num_images) for _ in range(rounds)]
        indices = np.concatenate(indices)[:n]
        if self.config.train.image_layout == "row_per_class" and self.dataset.labels is not None:
            classes = self.dataset.labels.argmax(axis=1)
            for row in range(rows):
                members = np.flatnonzero(classes == row % self.dataset.label_size)
                if len(members):
                    chosen = members[random.randint(len(members), size=columns)]
                    indices[row * columns : (row + 1) * columns] = chosen
        latents = random.randn(n, self.latent_size).astype(np.float32)
        return indices, latents, self._labels(indices)

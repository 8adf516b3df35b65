"""The batches of each iteration, as a function of (seed, images shown)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.order import ImageOrder
from pgan_tf.randomness import Role, random_state
from pgan_tf.runtime import Runtime
from pgan_tf.schedule import Phase, phase_at
from pgan_tf.training.step import DiscriminatorBatch, GeneratorBatch


class Iteration(NamedTuple):
    """An iteration's place in the run.

    Attributes:
      nimg: images shown before it.
      phase: the schedule's values; looked up every `minibatch_repeats` iterations, so
        `phase.nimg` may be less than `nimg`.
    """

    nimg: int
    phase: Phase


def iterations(
    config: Config, resolution: int, replicas: int, nimg: int, phase_nimg: int
) -> Iterator[Iteration]:
    """Yields the iterations of a run from `nimg` on, until `train.total_kimg`.

    Args:
      config: the options in force.
      resolution: the final resolution.
      replicas: number of replicas of all workers.
      nimg: images shown so far.
      phase_nimg: images shown when the schedule was last looked up. With it, a run that stopped
        between two look-ups continues as if it had not stopped.
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
    """Makes the batches of an iteration: this worker's share of each minibatch.

    Random numbers are drawn for the whole minibatch. Only the share's reals are read.

    Args:
      dataset: the reals.
      config: gives seed, mirroring, labels and repeats.
      latent_size: the generator's.
      runtime: gives the share; None for a single worker.
    """

    def __init__(
        self,
        dataset: Dataset | SyntheticDataset,
        config: Config,
        latent_size: int,
        runtime: Runtime | None = None,
    ):
        self.dataset = dataset
        self.config = config
        self.latent_size = latent_size
        self.labels = dataset.labels if config.data.labels else None
        self._order = ImageOrder(dataset.num_images, config.train.seed)
        self._share = runtime.share if runtime else slice

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
        share = self._share(n)
        indices = self._order.indices(nimg, n)[share]
        random = random_state(self.config.train.seed, Role.D_STEP, nimg)
        latents = random.randn(n, self.latent_size).astype(np.float32)
        mixing = random.random_sample(n).astype(np.float32)
        flips = (random.random_sample(n) < 0.5) & self.config.data.mirror
        return DiscriminatorBatch(
            reals=self.dataset.read(phase.resolution, indices),
            labels=self._labels(indices),
            latents=latents[share],
            mixing=mixing[share],
            flips=flips[share],
        )

    def _generator_batch(self, nimg: int, n: int) -> GeneratorBatch:
        share = self._share(n)
        random = random_state(self.config.train.seed, Role.G_STEP, nimg)
        latents = random.randn(n, self.latent_size).astype(np.float32)
        indices = random.randint(self.dataset.num_images, size=n)
        return GeneratorBatch(latents=latents[share], labels=self._labels(indices[share]))

    def _labels(self, indices: np.ndarray) -> np.ndarray:
        if self.labels is None:
            return np.zeros([len(indices), 0], np.float32)
        return self.labels[indices]

    def grid(self, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the contents of the image grids, row by row; the same throughout a run.

        Returns: image indices [n] of reals, latents [n, latent_size], labels [n, label_size],
          n = columns * rows. With `train.image_layout` row_per_class, row i shows class i
          (modulo the number of classes).
        """
        random = random_state(self.config.train.seed, Role.GRID)
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

"""The search for a latent: many starts, Adam on the sphere, decaying noise and rate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pgan_tf import latents, progress
from pgan_tf.errors import UserError
from pgan_tf.inference import Synthesis, synthesize
from pgan_tf.networks import Generator
from pgan_tf.pictures import average_squares
from pgan_tf.projection.distance import Features, distances
from pgan_tf.randomness import Role, random_state

_RATE = 0.6  # Adam's rate at the first step
_BETA1, _BETA2, _EPSILON = 0.9, 0.99, 1e-8
_NOISE = 0.02  # standard deviation of the noise at the first step
_QUIET = 0.3  # share of the steps after which there is no noise

_SPREAD = 2.0  # greatest difference of lengths from the radius; normal latents deviate by 0.7

_BATCH = 4  # starts in one compiled step, at most
_BATCH_PIXELS = 1 << 20  # pixels of their images, at most
_MOST_STARTS = 32  # starts from nearest candidates of different classes, at most
_COMPARED = 16  # resolution at which candidates' images are compared with the target
_LEAST_CANDIDATES, _MOST_CANDIDATES = 64, 1000
_CANDIDATE_OPERATIONS = 40e9  # multiplications and additions for all candidates' images


@dataclass(frozen=True)
class Projection:
    """A latent found for a picture.

    Attributes:
      latent: float32 [1, latent_size], of length about sqrt(latent_size).
      label: float32 [1, label_size].
      class_index: number of the label's class; None without labels.
      image: uint8 [r, r, C], the generator's image of latent and label.
      target: uint8 [r, r, C], the picture.
      psnr: 10 log10(255^2 / mean((image - target)^2)), in dB; infinite for equal images.
      path: float32 [steps + 1, latent_size], the best search from its start to the latent.
      distances: float32 [steps + 1], distances from the target along the path.
    """

    latent: np.ndarray
    label: np.ndarray
    class_index: int | None
    image: np.ndarray
    target: np.ndarray
    psnr: float
    path: np.ndarray
    distances: np.ndarray


class Projector:
    """Finds latents for pictures; compiles and draws random latents once for all of them.

    The images of random latents, the candidates, are compared with the target at 16x16. `starts`
    searches begin at the nearest ones: Adam minimises `distances`, at a rate that decays as half a
    cosine from 0.6 to 0. Latents stay on the sphere of radius sqrt(latent_size), since the paper's
    generator uses only a latent's direction. With labels, or without normalized latents, the length
    matters too; then lengths within 2 of that radius are searched, which nearly all normal latents
    have. Noise is added to the latents and decays to nothing over the first 0.3 of the steps. Half
    way, only the best four searches go on.

    With labels, each search keeps its class. Searches begin at the nearest candidate of each
    class, of 32 classes at most; after a quarter of the steps, the best `starts` go on.

    The same seed gives the same latent, bit by bit with XLA on a CPU.

    Args:
      Gs: the generator, in float32.
      lod: the images' lod; None for the network's own.
      classes: numbers of the classes to search; None for all.
      starts: number of searches.
      steps: number of steps of a search.
      candidates: number of random latents; None for 64 to 1,000, which take some seconds.
      seed: seed of candidates and noise.
      features: a further term of the distance: images [N, r, r, C] in [-1, 1] -> [N, F].
      feature_weight: weight of that term.
      xla: compile with XLA.
    Raises: ValueError for numbers below 1.
    """

    def __init__(
        self,
        Gs: Generator,
        lod: float | None = None,
        *,
        classes: Sequence[int] | None = None,
        starts: int = 8,
        steps: int = 300,
        candidates: int | None = None,
        seed: int = 0,
        features: Features | None = None,
        feature_weight: float = 1.0,
        xla: bool = True,
    ):
        if min(starts, steps, 1 if candidates is None else candidates) < 1:
            raise ValueError("starts, steps and candidates must be positive")
        self.Gs, self.starts, self.steps, self.seed = Gs, starts, steps, seed
        self.synthesis = Synthesis(Gs, lod, xla=xla)
        self._lod = Gs.check_lod(lod)
        self._classes = list(range(Gs.label_size)) if classes is None else list(classes)
        radius = math.sqrt(Gs.latent_size)
        direction_only = Gs.table.inputs is not None and not Gs.label_size
        spread = 0.0 if direction_only else _SPREAD
        self._lengths = max(radius - spread, 0.1), radius + spread
        self._features, self._feature_weight = features, feature_weight
        if candidates is None:
            operations = Gs.operations(Gs.shape.finest - self._lod.level)
            candidates = int(_CANDIDATE_OPERATIONS / operations)
            candidates = int(np.clip(candidates, _LEAST_CANDIDATES, _MOST_CANDIDATES))
        self._candidate_count = max(candidates, starts, len(self._classes))
        self._batch = int(np.clip(_BATCH_PIXELS // self.synthesis.resolution**2, 1, _BATCH))
        self._step: Callable = tf.function(self._adam_step, jit_compile=xla, autograph=False)
        # Latents, classes and small images of the candidates, once they are made.
        self._candidates: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, image: np.ndarray, description: str = "Searching") -> Projection:
        """Returns the latent found for an image.

        Args:
          image: uint8 [r, r, C], with the resolution and channels of the generator's images.
          description: text of the progress bar.
        Raises: ValueError for another shape or dtype; UserError when no search ends with a finite
          distance.
        """
        r, channels = self.synthesis.resolution, self.Gs.num_channels
        if image.dtype != np.uint8 or image.shape != (r, r, channels):
            raise ValueError(f"{image.dtype} {image.shape}: uint8 [{r}, {r}, {channels}] is needed")
        target = (image[None] / 127.5 - 1).astype(np.float32)
        z, classes = self._choose_starts(target)
        path, path_distances, best = self._search(target, z, classes, description)
        if not np.isfinite(path_distances[-1]):
            raise UserError(
                "the generator's images are not finite, as after a training that diverged; take an"
                " earlier snapshot"
            )
        latent = path[-1:]
        label = latents.one_hot(classes[best : best + 1], self.Gs.label_size)
        made = self.synthesis(latent, label)[0]
        index = int(classes[best]) if self.Gs.label_size else None
        quality = psnr(made, image)
        return Projection(latent, label, index, made, image, quality, path, path_distances)

    def _choose_starts(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns latents [n, latent_size] and classes [n] at which n searches begin."""
        if self._candidates is None:
            count = self._candidate_count
            z = random_state(self.seed, Role.PROJECTION).randn(count, self.Gs.latent_size)
            z = self._on_sphere(z.astype(np.float32)).numpy()
            classes = np.resize(self._classes or [0], count)
            images = self.synthesis.floats(z, latents.one_hot(classes, self.Gs.label_size))
            self._candidates = z, classes, _small(images)
        z, classes, small = self._candidates
        order = np.argsort(np.square(small - _small(target)).mean(axis=1), kind="stable")
        chosen = order[: self.starts]
        if len(self._classes) > 1:  # the nearest of each class come first
            _, first = np.unique(classes[order], return_index=True)
            first = np.sort(first)[:_MOST_STARTS]
            nearest = np.concatenate([order[first], np.delete(order, first)])
            chosen = nearest[: max(len(first), self.starts)]
        return z[chosen], classes[chosen]

    def _search(
        self, target: np.ndarray, z: np.ndarray, classes: np.ndarray, description: str
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Returns the best search's path and distances [steps + 1, ...], and its number."""
        labels = latents.one_hot(classes, self.Gs.label_size)
        state = [z, np.zeros_like(z), np.zeros_like(z)]  # latents, Adam's two moments
        path = np.zeros([self.steps + 1, *z.shape], np.float32)
        measured = np.full([self.steps + 1, len(z)], np.inf, np.float32)
        target_features = np.zeros([1, 0], np.float32)
        if self._features is not None:
            target_features = self._features(tf.constant(target))
        alive = np.arange(len(z))  # searches that go on
        keep = {self.steps // 4: self.starts, self.steps // 2: min(self.starts, _BATCH)}
        with progress.bar("steps") as bar:
            task = bar.add_task(description, total=self.steps)
            for step in range(self.steps + 1):
                noise = random_state(self.seed, Role.PROJECTION, step + 1).randn(*z.shape)
                path[step] = state[0]
                for rows in self._batches(alive):
                    arrays = [a[rows] for a in (*state, labels, noise.astype(np.float32))]
                    *moved, image_distances = self._step(
                        *arrays, target, target_features, *self._rate_and_noise(step)
                    )
                    for whole, part in zip(state, moved, strict=True):
                        whole[rows] = part.numpy()
                    image_distances = image_distances.numpy()
                    measured[step, rows] = np.where(
                        np.isnan(image_distances), np.inf, image_distances
                    )
                if step in keep:
                    ranks = np.argsort(measured[step][alive], kind="stable")
                    alive = np.sort(alive[ranks[: keep[step]]])
                bar.update(task, completed=step)
        best = int(alive[np.argmin(measured[-1][alive])])
        return path[:, best], measured[:, best], best

    def _batches(self, rows: np.ndarray) -> list[np.ndarray]:
        """Splits rows into batches of one size; the last batch repeats its last row to be full."""
        size = -(-len(rows) // self._batch) * self._batch
        padded = np.pad(rows, [0, size - len(rows)], mode="edge")
        return np.split(padded, size // self._batch)

    def _rate_and_noise(self, step: int) -> tuple[np.float32, np.float32]:
        """Returns a step's rate, with Adam's correction of the moments, and its noise.

        The rate of the step after the last is 0: it only measures distances.
        """
        u = step / self.steps
        rate = _RATE * (1 + math.cos(math.pi * u)) / 2 if step < self.steps else 0.0
        noise = _NOISE * max(0.0, 1 - u / _QUIET) ** 2
        correction = math.sqrt(1 - _BETA2 ** (step + 1)) / (1 - _BETA1 ** (step + 1))
        return np.float32(rate * correction), np.float32(noise)

    def _adam_step(
        self,
        z: tf.Tensor,
        m: tf.Tensor,
        v: tf.Tensor,
        labels: tf.Tensor,
        noise: tf.Tensor,
        target: tf.Tensor,
        target_features: tf.Tensor,
        rate: tf.Tensor,
        strength: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns latents and moments after a step, and the distances before it.

        Args:
          z, m, v, noise: [n, latent_size]: latents, Adam's two moments, standard normal noise.
          labels: [n, label_size].
          target: [1, r, r, C] in [-1, 1].
          target_features: [1, F]; F is 0 if no features are compared.
          rate: the step's rate with Adam's correction; 0 leaves the latents unchanged.
          strength: standard deviation of the noise that is added.
        """
        with tf.GradientTape() as tape:
            tape.watch(z)
            images = synthesize(self.Gs, self._on_sphere(z + strength * noise), labels, self._lod)
            image_distances = distances(
                images, target, self._features, self._feature_weight, target_features
            )
            total = tf.reduce_sum(image_distances)
        gradient = tape.gradient(total, z)
        m = _BETA1 * m + (1 - _BETA1) * gradient
        v = _BETA2 * v + (1 - _BETA2) * tf.square(gradient)
        moved = self._on_sphere(z - rate * m / (tf.sqrt(v) + _EPSILON))
        return tf.where(rate > 0, moved, z), m, v, image_distances

    def _on_sphere(self, z: tf.Tensor) -> tf.Tensor:
        """Scales latents [N, latent_size] to the range of lengths that is searched."""
        length = tf.sqrt(tf.reduce_sum(tf.square(z), axis=1, keepdims=True) + 1e-12)
        return z * (tf.clip_by_value(length, *self._lengths) / length)


def project(Gs: Generator, image: np.ndarray, **options) -> Projection:
    """Finds the latent whose image comes nearest to a given image.

    Args:
      Gs: the generator, in float32.
      image: uint8 [r, r, C], with the resolution and channels of the generator's images.
      options: arguments of `Projector`, which is quicker for several images.
    """
    return Projector(Gs, **options)(image)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio of two uint8 images in dB; infinite if equal."""
    error = np.square(a.astype(np.float64) - b).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def _small(images: np.ndarray) -> np.ndarray:
    """Clips images [n, r, r, C] to [-1, 1] and averages them to 16x16 at most: [n, pixels]."""
    side = min(images.shape[1], _COMPARED)
    return average_squares(np.clip(images, -1, 1), side).reshape(len(images), -1)

"""The search for a latent: many starts, Adam on the sphere, noise and rate that decay."""

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

_RATE = 0.6  # of Adam, at the first step
_BETA1, _BETA2, _EPSILON = 0.9, 0.99, 1e-8
_NOISE = 0.02  # standard deviation at the first step
_QUIET = 0.3  # share of the steps after which there is no noise

_SPREAD = 2.0  # of normal latents' lengths, nearly all; their standard deviation is 0.7

_BATCH = 4  # starts that are moved at a time
_BATCH_PIXELS = 1 << 20  # of their images
_MOST_STARTS = 32  # when there are many classes
_COMPARED = 16  # resolution at which random latents' images are compared with the target
_LEAST_CANDIDATES, _MOST_CANDIDATES = 64, 1000
_CANDIDATE_OPERATIONS = 40e9  # multiplications and additions for all random latents' images


@dataclass(frozen=True)
class Projection:
    """A latent for a picture.

    Attributes:
      latent: float32 [1, latent_size], of a length of about sqrt(latent_size).
      label: float32 [1, label_size].
      class_index: number of the label's class; None without labels.
      image: uint8 [r, r, C], what the generator makes of latent and label.
      target: uint8 [r, r, C], what was looked for.
      psnr: 10 log10(255^2 / mean((image - target)^2)), in dB; infinite for equal images.
      path: float32 [steps + 1, latent_size], from the start that led to the latent; ends with it.
      distances: float32 [steps + 1], from the target along the path.
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
    """Finds latents for pictures; what is compiled and drawn at random serves all of them.

    The images of `candidates` random latents are compared with the target at 16x16. From the
    nearest ones, `starts` searches begin: Adam on `distances`, whose rate decays as half a cosine
    from 0.6 to 0, on the sphere of radius sqrt(latent_size), since the paper's generator looks at
    a latent's direction only. Where its length matters too, with labels or without normalized
    latents, lengths within 2 of that radius are searched, as nearly all normal latents have. Noise
    that has decayed to nothing after 0.3 of the steps is added to the latents. Half way, all
    starts but the best four are given up.

    With labels, the class of each start stays as it is: the search begins with the nearest
    candidate of each class, of 32 classes at most, and goes on with the best `starts` after a
    quarter of the steps.

    The same seed gives the same latent, bit by bit with XLA on a CPU.

    Args:
      Gs: the generator, in float32.
      lod: of the images; None for the network's own.
      classes: numbers of the classes to search; None for all.
      starts: searches that begin.
      steps: of each search.
      candidates: random latents; None for as many as take some seconds, 64 to 1,000.
      seed: of candidates and noise.
      features: a further term of the distance: images [N, r, r, C] in [-1, 1] -> [N, F].
      feature_weight: of that term.
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
            one = Gs.operations(Gs.shape.finest - self._lod.level)
            candidates = int(_CANDIDATE_OPERATIONS / one)
            candidates = int(np.clip(candidates, _LEAST_CANDIDATES, _MOST_CANDIDATES))
        self._count = max(candidates, starts, len(self._classes))
        self._batch = int(np.clip(_BATCH_PIXELS // self.synthesis.resolution**2, 1, _BATCH))
        self._step: Callable = tf.function(self._adam, jit_compile=xla, autograph=False)
        self._candidates: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, image: np.ndarray, description: str = "Searching") -> Projection:
        """Returns the latent found for an image.

        Args:
          image: uint8 [r, r, C] of the resolution and channels of the images at the lod.
          description: for the progress bar.
        Raises: ValueError for another shape or dtype; UserError when no image is finite.
        """
        r, channels = self.synthesis.resolution, self.Gs.num_channels
        if image.dtype != np.uint8 or image.shape != (r, r, channels):
            raise ValueError(f"{image.dtype} {image.shape}: uint8 [{r}, {r}, {channels}] is needed")
        target = (image[None] / 127.5 - 1).astype(np.float32)
        z, classes = self._first(target)
        path, found, best = self._search(target, z, classes, description)
        if not np.isfinite(found[-1]):
            raise UserError(
                "the generator's images hold numbers that are none, as after a training that"
                " diverged; take an earlier snapshot"
            )
        latent = path[-1:]
        label = latents.one_hot(classes[best : best + 1], self.Gs.label_size)
        made = self.synthesis(latent, label)[0]
        index = int(classes[best]) if self.Gs.label_size else None
        return Projection(latent, label, index, made, image, psnr(made, image), path, found)

    def _first(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns latents [starts, latent_size] and classes [starts] to begin with."""
        if self._candidates is None:
            z = random_state(self.seed, Role.PROJECTION).randn(self._count, self.Gs.latent_size)
            z = self._on_sphere(z.astype(np.float32)).numpy()
            classes = np.resize(self._classes or [0], self._count)
            made = self.synthesis.floats(z, latents.one_hot(classes, self.Gs.label_size))
            self._candidates = z, classes, _small(made)
        z, classes, images = self._candidates
        order = np.argsort(np.square(images - _small(target)).mean(axis=1), kind="stable")
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
        """Returns the best start's path and distances [steps + 1, ...], and its number."""
        labels = latents.one_hot(classes, self.Gs.label_size)
        state = [z, np.zeros_like(z), np.zeros_like(z)]  # latents, Adam's two moments
        path = np.zeros([self.steps + 1, *z.shape], np.float32)
        found = np.full([self.steps + 1, len(z)], np.inf, np.float32)
        wanted = np.zeros([1, 0], np.float32)
        if self._features is not None:
            wanted = self._features(tf.constant(target))
        alive = np.arange(len(z))
        keep = {self.steps // 4: self.starts, self.steps // 2: min(self.starts, _BATCH)}
        with progress.bar("steps") as bar:
            task = bar.add_task(description, total=self.steps)
            for step in range(self.steps + 1):
                noise = random_state(self.seed, Role.PROJECTION, step + 1).randn(*z.shape)
                path[step] = state[0]
                for rows in self._batches(alive):
                    arrays = [a[rows] for a in (*state, labels, noise.astype(np.float32))]
                    *moved, near = self._step(*arrays, target, wanted, *self._pace(step))
                    for whole, part in zip(state, moved, strict=True):
                        whole[rows] = part.numpy()
                    near = near.numpy()
                    found[step, rows] = np.where(np.isnan(near), np.inf, near)
                if step in keep:
                    ranks = np.argsort(found[step][alive], kind="stable")
                    alive = np.sort(alive[ranks[: keep[step]]])
                bar.update(task, completed=step)
        best = int(alive[np.argmin(found[-1][alive])])
        return path[:, best], found[:, best], best

    def _batches(self, alive: np.ndarray) -> list[np.ndarray]:
        """Returns the rows in batches of one size; the last is filled up with its last row."""
        size = -(-len(alive) // self._batch) * self._batch
        rows = np.pad(alive, [0, size - len(alive)], mode="edge")
        return np.split(rows, size // self._batch)

    def _pace(self, step: int) -> tuple[np.float32, ...]:
        """Returns rate and noise of a step, and what corrects Adam's moments; the last step, one
        after the others, only measures."""
        u = step / self.steps
        rate = _RATE * (1 + math.cos(math.pi * u)) / 2 if step < self.steps else 0.0
        noise = _NOISE * max(0.0, 1 - u / _QUIET) ** 2
        correction = math.sqrt(1 - _BETA2 ** (step + 1)) / (1 - _BETA1 ** (step + 1))
        return np.float32(rate * correction), np.float32(noise)

    def _adam(
        self,
        z: tf.Tensor,
        m: tf.Tensor,
        v: tf.Tensor,
        labels: tf.Tensor,
        noise: tf.Tensor,
        target: tf.Tensor,
        wanted: tf.Tensor,
        rate: tf.Tensor,
        strength: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns latents and moments after a step, and the distances before it.

        Args:
          z, m, v, noise: [n, latent_size]: latents, Adam's two moments, standard normal noise.
          labels: [n, label_size].
          target: [1, r, r, C] in [-1, 1].
          wanted: [1, F], its features; F is 0 where none are compared.
          rate: of the step, Adam's correction included; 0 leaves the latents as they are.
          strength: standard deviation of the noise that is added.
        """
        with tf.GradientTape() as tape:
            tape.watch(z)
            images = synthesize(self.Gs, self._on_sphere(z + strength * noise), labels, self._lod)
            near = distances(images, target, self._features, self._feature_weight, wanted)
            total = tf.reduce_sum(near)
        gradient = tape.gradient(total, z)
        m = _BETA1 * m + (1 - _BETA1) * gradient
        v = _BETA2 * v + (1 - _BETA2) * tf.square(gradient)
        moved = self._on_sphere(z - rate * m / (tf.sqrt(v) + _EPSILON))
        return tf.where(rate > 0, moved, z), m, v, near

    def _on_sphere(self, z: tf.Tensor) -> tf.Tensor:
        """Returns latents [N, latent_size] scaled to the lengths that are searched."""
        length = tf.sqrt(tf.reduce_sum(tf.square(z), axis=1, keepdims=True) + 1e-12)
        return z * (tf.clip_by_value(length, *self._lengths) / length)


def project(Gs: Generator, image: np.ndarray, **options) -> Projection:
    """Finds a latent of which the generator makes an image as near to this one as it can.

    Args:
      Gs: the generator, in float32.
      image: uint8 [r, r, C] of the resolution and channels of the generator's images.
      options: of `Projector`, which is quicker for several images.
    """
    return Projector(Gs, **options)(image)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio of two uint8 images in dB; infinite if equal."""
    error = np.square(a.astype(np.float64) - b).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def _small(images: np.ndarray) -> np.ndarray:
    """Returns images [n, r, r, C], clipped to [-1, 1], as means of squares: [n, pixels]."""
    side = min(images.shape[1], _COMPARED)
    return average_squares(np.clip(images, -1, 1), side).reshape(len(images), -1)

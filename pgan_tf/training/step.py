"""One iteration of the training: D, Gs and G updated by compiled functions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pgan_tf import losses
from pgan_tf.config import Config
from pgan_tf.layers import downscale2d, upscale2d
from pgan_tf.networks import Discriminator, Generator, Lod, lerp
from pgan_tf.schedule import Phase
from pgan_tf.training.adam import Adam


class DiscriminatorBatch(NamedTuple):
    """What one D step takes, all replicas together; N is the minibatch.

    Attributes:
      reals: [N, r, r, C] uint8.
      labels: [N, label_size] float32 of the reals; label_size may be 0.
      latents: [N, latent_size] float32.
      mixing: [N] float32 in [0, 1): crossfade factors of the gradient penalty.
      flips: [N] bool: which reals to mirror.
    """

    reals: np.ndarray
    labels: np.ndarray
    latents: np.ndarray
    mixing: np.ndarray
    flips: np.ndarray


class GeneratorBatch(NamedTuple):
    """What one G step takes: latents [N, latent_size], labels [N, label_size], float32."""

    latents: np.ndarray
    labels: np.ndarray


class Rates(NamedTuple):
    """Numbers that change without a new trace, as float32 scalars."""

    fade: np.ndarray
    G_lrate: np.ndarray
    D_lrate: np.ndarray
    smoothing: np.ndarray


REPORTED = (
    "D_loss", "G_loss", "real_scores", "fake_scores", "gradient_penalty", "mixed_norms",
    "label_penalty_reals", "label_penalty_fakes",
)  # fmt: skip
"""Means that `TrainStep.take_report` returns; the label terms are 0 without labels."""


def process_reals(reals: tf.Tensor, flips: tf.Tensor, fade: tf.Tensor | float | None) -> tf.Tensor:
    """uint8 [N, r, r, C] -> float32 in [-1, 1], mirrored and faded (spec section 3).

    Args:
      flips: [N] bool, True where the image is to be mirrored.
      fade: lod - floor(lod), the weight of the image without its finest detail; None for 0.
    """
    x = tf.cast(reals, tf.float32) * (2.0 / 255.0) - 1.0
    x = tf.where(flips[:, None, None, None], tf.reverse(x, axis=[2]), x)
    return x if fade is None else lerp(x, upscale2d(downscale2d(x)), fade)


def optimizer_is_reset(before: float, after: float) -> bool:
    """True when floor or ceil of the lod changed: a fade started or ended."""
    return np.floor(before) != np.floor(after) or np.ceil(before) != np.ceil(after)


class TrainStep:
    """Updates G, D and Gs; traced and compiled once for each level, fading or not.

    In one iteration: D steps, each of which also moves Gs towards the current G; then one G
    step (spec section 3). The same code runs on one device and on several replicas: gradients
    are averaged over the replicas, and every replica then makes the same update.

    With one replica the whole iteration is one XLA program. With several, the gradients and
    the updates are XLA programs, and the averaging between them is TensorFlow's.

    Args:
      G, D, Gs: built under `strategy.scope()`.
      config: loss, optimizer and train options.
      strategy: of `tf.distribute`.
    """

    def __init__(
        self,
        G: Generator,
        D: Discriminator,
        Gs: Generator,
        config: Config,
        strategy: tf.distribute.Strategy,
    ):
        self.G, self.D, self.Gs = G, D, Gs
        self.config = config
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync
        scaling = config.train.precision == "fp16"
        with strategy.scope():
            self.G_adam = Adam(G.trainable_variables, config.optimizer, scaling)
            self.D_adam = Adam(D.trainable_variables, config.optimizer, scaling)
            # Sums over the iterations since the last report; the last entry counts them.
            self._sums = tf.Variable(tf.zeros(len(REPORTED) + 1), trainable=False)
        self._programs: dict[tuple[int, bool], Callable] = {}

    def __call__(
        self, d_batches: Sequence[DiscriminatorBatch], g_batch: GeneratorBatch, phase: Phase
    ) -> None:
        """Runs one iteration at `phase`; returns without waiting for the device.

        Args:
          d_batches: one for each D step.
          g_batch: for the G step.
          phase: decides level, fade and rates.
        Raises: ValueError when a batch can't be split evenly over the replicas.
        """
        train = self.config.train
        smoothing = train.smoothing
        if train.smoothing and train.smoothing_half_life_kimg:
            smoothing = 0.5 ** (len(g_batch.latents) / 1000 / train.smoothing_half_life_kimg)
        rates = Rates(*map(np.float32, (phase.fade, phase.G_lrate, phase.D_lrate, smoothing)))
        inputs = self._split(tuple(d_batches)), self._split(g_batch)
        self.program(phase.level, phase.fade > 0)(*inputs, rates)

    def program(self, level: int, fading: bool) -> Callable:
        """Returns the compiled iteration for a level: (d_batches, g_batch, rates) -> None."""
        key = (level, fading)
        if key not in self._programs:

            def iteration(d_batches, g_batch, rates):
                def replica(d_batches, g_batch, rates):
                    _ReplicaIteration(self, level, fading).run(d_batches, g_batch, rates)

                self.strategy.run(replica, args=(d_batches, g_batch, rates))

            whole = self.config.train.xla and self.replicas == 1
            self._programs[key] = tf.function(iteration, jit_compile=whole, autograph=False)
        return self._programs[key]

    def is_compiled(self, phase: Phase) -> bool:
        """True when an iteration at `phase` starts at once, its program being there."""
        return (phase.level, phase.fade > 0) in self._programs

    def _split(self, batch):
        """Hands each replica its contiguous share of a batch, or of a tuple of batches."""
        if self.replicas == 1:
            return tf.nest.map_structure(tf.convert_to_tensor, batch)
        for array in tf.nest.flatten(batch):
            if len(array) % self.replicas:
                raise ValueError(f"a batch of {len(array)} over {self.replicas} replicas")

        def share(context):
            def part(array):
                size = len(array) // self.replicas
                first = context.replica_id_in_sync_group * size
                return tf.convert_to_tensor(array[first : first + size])

            return tf.nest.map_structure(part, batch)

        return self.strategy.experimental_distribute_values_from_function(share)

    def reset_optimizers(self) -> None:
        """Forgets both optimizers' moments; at the start and the end of each fade."""
        self.G_adam.reset()
        self.D_adam.reset()

    def take_report(self) -> dict[str, float | None]:
        """Returns means since the last report, and counters; waits for the device.

        Keys: those of `REPORTED` (None where no iteration had finite ones), `D_skipped`,
        `G_skipped` (updates skipped since the start), `skipped_in_a_row` (the longer of the two
        now), `D_log2_scale`, `G_log2_scale`.
        """
        copies = [v.numpy() for v in self.strategy.experimental_local_results(self._sums)]
        sums = np.mean(copies, axis=0)
        self._sums.assign(tf.zeros_like(sums))
        count = float(sums[-1])
        means = [float(x) / count if count else None for x in sums[:-1]]
        return dict(zip(REPORTED, means, strict=True)) | {
            "D_skipped": float(self.D_adam.skipped.numpy()),
            "G_skipped": float(self.G_adam.skipped.numpy()),
            "skipped_in_a_row": self.skipped_in_a_row(),
            "D_log2_scale": float(self.D_adam.log2_scale.numpy()),
            "G_log2_scale": float(self.G_adam.log2_scale.numpy()),
        }

    def skipped_in_a_row(self) -> float:
        """Returns how many updates of D or of G were skipped in a row; waits for the device."""
        return max(
            float(self.D_adam.skipped_in_a_row.numpy()), float(self.G_adam.skipped_in_a_row.numpy())
        )

    def state(self) -> dict[str, tf.Variable]:
        """Returns name -> variable of all but the networks that a later run needs to continue."""
        return (
            {"report": self._sums}
            | {f"G/{k}": v for k, v in self.G_adam.state().items()}
            | {f"D/{k}": v for k, v in self.D_adam.state().items()}
        )


class _ReplicaIteration:
    """The iteration as one replica sees it, while it is being traced."""

    def __init__(self, step: TrainStep, level: int, fading: bool):
        self.step, self.level, self.fading = step, level, fading
        self.context = tf.distribute.get_replica_context()
        self.replica = int(tf.get_static_value(self.context.replica_id_in_sync_group))

    def local(self, variable: tf.Variable) -> tf.Variable:
        """Returns this replica's copy of a variable, which it may assign to on its own."""
        return self.step.strategy.experimental_local_results(variable)[self.replica]

    def compiled(self, function: Callable, *args):
        """Calls a function as an XLA program of its own, where the whole is not one."""
        if self.step.config.train.xla and self.step.replicas > 1:
            return tf.function(function, jit_compile=True, autograph=False)(*args)
        return function(*args)

    def lod(self, rates: Rates) -> Lod:
        return Lod(self.level, rates.fade if self.fading else None)

    def average(self, values):
        """Returns the mean over replicas of each of a list of tensors."""
        if self.step.replicas == 1:
            return values
        return self.context.all_reduce(tf.distribute.ReduceOp.MEAN, list(values))

    def run(self, d_batches, g_batch, rates) -> None:
        D_terms = []
        for batch in d_batches:
            gradients, terms = self.compiled(self.d_gradients, batch, rates)
            gradients = self.average(gradients)
            self.compiled(self.d_update, gradients, rates)
            D_terms.append(terms)
        gradients, G_terms = self.compiled(self.g_gradients, g_batch, rates)
        gradients = self.average(gradients)
        self.compiled(self.g_update, gradients, rates)
        self.record(D_terms, G_terms)

    def d_gradients(self, batch: DiscriminatorBatch, rates: Rates):
        step, lod = self.step, self.lod(rates)
        scale = step.D_adam.scale(self.local)
        reals = process_reals(batch.reals, batch.flips, lod.fade)
        with tf.GradientTape() as tape:
            terms = losses.discriminator_loss(
                step.G, step.D, reals, batch.labels, batch.latents, batch.mixing, lod,
                step.config.loss, loss_scale=scale,
            )  # fmt: skip
            loss = tf.reduce_mean(terms["loss"]) * scale
        variables = step.D.variables_at(self.level, self.fading)
        gradients = tape.gradient(loss, [v.value for v in variables])
        terms["D_loss"] = terms["loss"]
        return gradients, self.reported(terms)

    def g_gradients(self, batch: GeneratorBatch, rates: Rates):
        step, lod = self.step, self.lod(rates)
        scale = step.G_adam.scale(self.local)
        with tf.GradientTape() as tape:
            terms = losses.generator_loss(
                step.G, step.D, batch.labels, batch.latents, lod, step.config.loss
            )
            loss = tf.reduce_mean(terms["loss"]) * scale
        variables = step.G.variables_at(self.level, self.fading)
        gradients = tape.gradient(loss, [v.value for v in variables])
        return gradients, self.reported({"G_loss": terms["loss"]})

    def d_update(self, gradients, rates: Rates) -> None:
        variables = self.step.D.variables_at(self.level, self.fading)
        self.step.D_adam.update(variables, gradients, rates.D_lrate, self.local)
        # Gs follows the G that made this step's fakes, before G's own update. The
        # image layers of coarser levels, once trained, go on approaching their last value.
        G, Gs = self.step.G, self.step.Gs
        for g, s in zip(G.variables_up_to(self.level), Gs.variables_up_to(self.level), strict=True):
            g, s = self.local(g.value), self.local(s.value)
            s.assign(g + (s - g) * rates.smoothing)

    def g_update(self, gradients, rates: Rates) -> None:
        variables = self.step.G.variables_at(self.level, self.fading)
        self.step.G_adam.update(variables, gradients, rates.G_lrate, self.local)

    def reported(self, terms: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the means of the terms in `REPORTED`'s order, 0 where there is none."""
        return tf.stack(
            [tf.reduce_mean(terms[k]) if k in terms else tf.constant(0.0) for k in REPORTED]
        )

    def record(self, D_terms: list[tf.Tensor], G_terms: tf.Tensor) -> None:
        values = tf.add_n(D_terms) / len(D_terms) + G_terms
        finite = tf.reduce_all(tf.math.is_finite(values))
        values = tf.concat([values, [1.0]], axis=0)
        self.local(self.step._sums).assign_add(tf.where(finite, values, tf.zeros_like(values)))

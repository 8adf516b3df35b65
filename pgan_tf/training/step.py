"""One iteration of the training: compiled updates of D, Gs and G (section 3)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pgan_tf.config import Config
from pgan_tf.layers import downscale2d, upscale2d
from pgan_tf.losses import DiscriminatorInputs, GeneratorInputs, Terms, make_loss
from pgan_tf.networks import Discriminator, Generator, GrowingNetwork, Lod, lerp
from pgan_tf.runtime import Runtime
from pgan_tf.schedule import Phase
from pgan_tf.training.adam import Adam


class DiscriminatorBatch(NamedTuple):
    """The input of one D step; N is this worker's share of the minibatch.

    Attributes:
      reals: [N, r, r, C] uint8.
      labels: the reals' labels, [N, label_size] float32; label_size may be 0.
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
    """The input of one G step: latents [N, latent_size], labels [N, label_size], float32."""

    latents: np.ndarray
    labels: np.ndarray


class Rates(NamedTuple):
    """Inputs of the compiled program that change from step to step; float32 scalars."""

    fade: np.ndarray
    G_lrate: np.ndarray
    D_lrate: np.ndarray
    smoothing: np.ndarray


def process_reals(reals: tf.Tensor, flips: tf.Tensor, fade: tf.Tensor | float | None) -> tf.Tensor:
    """uint8 [N, r, r, C] -> float32 in [-1, 1], mirrored and faded (section 3).

    Args:
      reals: the images.
      flips: [N] bool, True where the image is to be mirrored.
      fade: lod - floor(lod), the weight of the image without its finest detail; None for 0.
    """
    x = tf.cast(reals, tf.float32) * (2.0 / 255.0) - 1.0
    x = tf.where(flips[:, None, None, None], tf.reverse(x, axis=[2]), x)
    return x if fade is None else lerp(x, upscale2d(downscale2d(x)), fade)


def optimizer_is_reset(before: float, after: float) -> bool:
    """Whether floor or ceil of the lod changed, that is, a fade started or ended."""
    return np.floor(before) != np.floor(after) or np.ceil(before) != np.ceil(after)


def trained_variables(network: GrowingNetwork) -> dict[str, tf.Variable]:
    """Returns name -> trained variable; names such as `8x8_Conv1/weight`."""
    return {
        f"{name.replace('/', '_')}/{part}": variable
        for name, block in network.blocks.items()
        for part, variable, _ in block.named_variables()
        if variable.trainable
    }


class TrainStep:
    """Updates G, D and Gs; traced and compiled once for each level, fading or not.

    `alternating` is the order of an iteration. The same code runs on one device and on several
    replicas: gradients are averaged over the replicas, and then every replica makes the same
    update.

    With one replica the whole iteration is one XLA program. With several, the gradients and
    the updates are XLA programs, and TensorFlow averages between them.

    Args:
      G, D, Gs: the networks, built in the strategy's scope.
      config: gives the loss, optimizer and train options.
      runtime: strategy and place among the workers.
    """

    def __init__(
        self, G: Generator, D: Discriminator, Gs: Generator, config: Config, runtime: Runtime
    ):
        self.G, self.D, self.Gs = G, D, Gs
        self.config = config
        self.runtime = runtime
        self.loss = make_loss(config.loss)
        self.reported = ("D_loss", "G_loss", *self.loss.reported_D, *self.loss.reported_G)
        scaling = config.train.precision == "fp16"
        with runtime.strategy.scope():
            self.G_adam = Adam(trained_variables(G), config.optimizer, scaling)
            self.D_adam = Adam(trained_variables(D), config.optimizer, scaling)
            # Sums over the iterations since the last report; the last entry counts them.
            self._sums = tf.Variable(tf.zeros(len(self.reported) + 1), trainable=False)
        self._programs: dict[tuple[int, bool], Callable] = {}

    def __call__(
        self, d_batches: Sequence[DiscriminatorBatch], g_batch: GeneratorBatch, phase: Phase
    ) -> None:
        """Runs one iteration; returns without waiting for the device.

        Args:
          d_batches: one batch for each D step.
          g_batch: the batch for the G step.
          phase: gives level, fade and rates.
        Raises: ValueError if a batch can't be split evenly over the replicas.
        """
        train = self.config.train
        smoothing = train.smoothing
        if train.smoothing and train.smoothing_half_life_kimg:
            minibatch = len(g_batch.latents) * self.runtime.world
            smoothing = 0.5 ** (minibatch / 1000 / train.smoothing_half_life_kimg)
        rates = Rates(*map(np.float32, (phase.fade, phase.G_lrate, phase.D_lrate, smoothing)))
        distribute = self.runtime.distribute
        inputs = distribute(tuple(d_batches)), distribute(g_batch)
        self.program(phase.level, phase.fade > 0)(*inputs, rates)

    def program(self, level: int, fading: bool) -> Callable:
        """Returns the compiled iteration for a level: (d_batches, g_batch, rates) -> None."""
        key = (level, fading)
        if key not in self._programs:

            def iteration(d_batches, g_batch, rates):
                def replica(d_batches, g_batch, rates):
                    alternating(_Replica(self, level, fading, rates), d_batches, g_batch)

                self.runtime.strategy.run(replica, args=(d_batches, g_batch, rates))

            whole = self.config.train.xla and self.runtime.replicas == 1
            self._programs[key] = tf.function(iteration, jit_compile=whole, autograph=False)
        return self._programs[key]

    def is_compiled(self, phase: Phase) -> bool:
        """Whether the program for `phase` is compiled, so that an iteration starts at once."""
        return (phase.level, phase.fade > 0) in self._programs

    def reset_optimizers(self) -> None:
        """Resets both optimizers' moments; done at the start and the end of each fade."""
        self.G_adam.reset()
        self.D_adam.reset()

    def take_report(self) -> dict[str, float | None]:
        """Returns means since the last report, and counters; waits for the device.

        Keys: the names in `reported` (None if no iteration had finite values); `D_skipped` and
        `G_skipped`, updates skipped since the start; `skipped_in_a_row`, the larger of D's and
        G's present counts; `D_log2_scale` and `G_log2_scale`.
        """
        sums = np.mean([v.numpy() for v in self.runtime.copies(self._sums)], axis=0)
        self._sums.assign(tf.zeros_like(sums))
        count = float(sums[-1])
        means = [float(x) / count if count else None for x in sums[:-1]]
        return dict(zip(self.reported, means, strict=True)) | {
            "D_skipped": float(self.D_adam.skipped.numpy()),
            "G_skipped": float(self.G_adam.skipped.numpy()),
            "skipped_in_a_row": self.skipped_in_a_row(),
            "D_log2_scale": float(self.D_adam.log2_scale.numpy()),
            "G_log2_scale": float(self.G_adam.log2_scale.numpy()),
        }

    def skipped_in_a_row(self) -> float:
        """Returns how many updates in a row D or G skipped (the larger); waits for the device."""
        return max(
            float(self.D_adam.skipped_in_a_row.numpy()), float(self.G_adam.skipped_in_a_row.numpy())
        )

    def state(self) -> dict[str, tf.Variable]:
        """Returns name -> variable of what continuing needs besides the networks."""
        return (
            {"report": self._sums}
            | {f"G/{k}": v for k, v in self.G_adam.state().items()}
            | {f"D/{k}": v for k, v in self.D_adam.state().items()}
        )


def alternating(
    replica: "_Replica", d_batches: Sequence[DiscriminatorBatch], g_batch: GeneratorBatch
) -> None:
    """The order of an iteration (section 3): for each D batch D and Gs, then G.

    Gs moves towards the G that made the D step's fakes, before G's own update.
    """
    D_terms = []
    for batch in d_batches:
        D_terms.append(replica.update_D(batch))
        replica.update_Gs()
    G_terms = replica.update_G(g_batch)
    replica.record(D_terms, G_terms)


class _Replica:
    """The parts of an iteration on one replica, while it is being traced."""

    def __init__(self, step: TrainStep, level: int, fading: bool, rates: Rates):
        self.step, self.level, self.fading, self.rates = step, level, fading, rates
        self.lod = Lod(level, rates.fade if fading else None)
        self.context = tf.distribute.get_replica_context()
        replica_id = tf.get_static_value(self.context.replica_id_in_sync_group)
        self.index = step.runtime.local_index(replica_id)

    def update_D(self, batch: DiscriminatorBatch) -> tf.Tensor:
        """Runs a D step; returns the means of its reported terms."""
        gradients, terms = self.compiled(self.D_gradients, batch)
        gradients = self.average(gradients)
        self.compiled(self.apply_to_D, gradients)
        self.average_statistics()
        return terms

    def update_G(self, batch: GeneratorBatch) -> tf.Tensor:
        """Runs a G step; returns the means of its reported terms."""
        gradients, terms = self.compiled(self.G_gradients, batch)
        gradients = self.average(gradients)
        self.compiled(self.apply_to_G, gradients)
        self.average_statistics()
        return terms

    def update_Gs(self) -> None:
        """Moves Gs towards G: Gs = G + (Gs - G) * smoothing. Copies running statistics."""
        self.compiled(self.smooth)

    def compiled(self, function: Callable, *args):
        """Calls a function, as an XLA program of its own unless the whole iteration is one."""
        if self.step.config.train.xla and self.step.runtime.replicas > 1:
            return tf.function(function, jit_compile=True, autograph=False)(*args)
        return function(*args)

    def local(self, variable: tf.Variable) -> tf.Variable:
        """Returns this replica's copy of a variable, for assignments on this replica only."""
        return self.step.runtime.copies(variable)[self.index]

    def average(self, values):
        """Returns each of a list of tensors averaged over all replicas."""
        if self.step.runtime.replicas == 1:
            return values
        return self.context.all_reduce(tf.distribute.ReduceOp.MEAN, list(values))

    def average_statistics(self) -> None:
        """Averages running statistics, if there are any, over all replicas."""
        step = self.step
        variables = [
            self.local(v.value) for n in (step.G, step.D) for v in n.statistics_up_to(self.level)
        ]
        if variables and step.runtime.replicas > 1:
            means = self.average([v.read_value() for v in variables])
            for variable, mean in zip(variables, means, strict=True):
                variable.assign(mean)

    def D_gradients(self, batch: DiscriminatorBatch):
        step = self.step
        scale = step.D_adam.scale(self.local)
        reals = process_reals(batch.reals, batch.flips, self.lod.fade)
        inputs = DiscriminatorInputs(reals, batch.labels, batch.latents, batch.mixing)
        with tf.GradientTape() as tape:
            terms = step.loss.discriminator(step.G, step.D, inputs, self.lod, loss_scale=scale)
            loss = tf.reduce_mean(terms["loss"]) * scale
        gradients = tape.gradient(loss, [v.value for v in self.variables(step.D)])
        return gradients, self.means("D_loss", terms, step.loss.reported_D)

    def G_gradients(self, batch: GeneratorBatch):
        step = self.step
        scale = step.G_adam.scale(self.local)
        inputs = GeneratorInputs(batch.latents, batch.labels)
        with tf.GradientTape() as tape:
            terms = step.loss.generator(step.G, step.D, inputs, self.lod)
            loss = tf.reduce_mean(terms["loss"]) * scale
        gradients = tape.gradient(loss, [v.value for v in self.variables(step.G)])
        return gradients, self.means("G_loss", terms, step.loss.reported_G)

    def variables(self, network: GrowingNetwork) -> list:
        return network.variables_at(self.level, self.fading)

    def apply_to_D(self, gradients) -> None:
        step = self.step
        step.D_adam.update(self.variables(step.D), gradients, self.rates.D_lrate, self.local)

    def apply_to_G(self, gradients) -> None:
        step = self.step
        step.G_adam.update(self.variables(step.G), gradients, self.rates.G_lrate, self.local)

    def smooth(self) -> None:
        # The image layers of coarser levels, once trained, go on approaching their last value.
        G, Gs = self.step.G, self.step.Gs
        for g, s in zip(G.variables_up_to(self.level), Gs.variables_up_to(self.level), strict=True):
            g, s = self.local(g.value), self.local(s.value)
            s.assign(g + (s - g) * self.rates.smoothing)
        statistics = G.statistics_up_to(self.level), Gs.statistics_up_to(self.level)
        for g, s in zip(*statistics, strict=True):
            self.local(s.value).assign(self.local(g.value))

    def means(self, loss_name: str, terms: Terms, reported: Sequence[str]) -> tf.Tensor:
        """Returns a vector like `TrainStep.reported`: the step's means, and 0 for other terms."""
        found = {name: terms[name] for name in reported if name in terms}
        found[loss_name] = terms["loss"]
        values = [
            tf.reduce_mean(found[name]) if name in found else tf.constant(0.0)
            for name in self.step.reported
        ]
        return tf.stack(values)

    def record(self, D_terms: list[tf.Tensor], G_terms: tf.Tensor) -> None:
        """Adds an iteration's means to the report's sums, if they are finite."""
        values = tf.add_n(D_terms) / len(D_terms) + G_terms
        finite = tf.reduce_all(tf.math.is_finite(values))
        values = tf.concat([values, [1.0]], axis=0)
        self.local(self.step._sums).assign_add(tf.where(finite, values, tf.zeros_like(values)))

"""WGAN-GP with a drift term and AC-GAN label terms (section 2), in float32."""

import tensorflow as tf

from pgan_tf.config import LossOptions
from pgan_tf.losses.labels import cross_entropy
from pgan_tf.losses.norms import safe_norm
from pgan_tf.losses.protocol import DiscriminatorInputs, GeneratorInputs, Terms, register
from pgan_tf.networks import Discriminator, Generator, Lod, lerp


@register("wgan_gp")
class WganGp:
    """The paper's loss; `Loss` describes the methods.

    D = f - r + lambda / target^2 (|g| - target)^2 + epsilon r^2,   G = -f

    f and r are the scores of fakes and reals. g is the gradient of the score of
    lerp(real, fake, u) with respect to that image at full resolution; for an image of
    R / 2^level pixels, |g_full| = |g| / 2^level. With labels, the cross-entropies of reals and
    fakes are added to D's loss, and the fakes' to G's loss.
    """

    reported_D = (
        "real_scores", "fake_scores", "gradient_penalty", "mixed_norms",
        "label_penalty_reals", "label_penalty_fakes",
    )  # fmt: skip
    reported_G = ()

    def __init__(self, options: LossOptions):
        self.options = options

    def discriminator(
        self,
        G: Generator,
        D: Discriminator,
        inputs: DiscriminatorInputs,
        lod: Lod | float,
        loss_scale: float | tf.Tensor = 1.0,
    ) -> Terms:
        """Returns D's loss and its terms; fakes are made with the reals' labels.

        Names: `loss`, `real_scores`, `fake_scores`, `mixed_scores`, `mixed_norms`,
        `gradient_penalty`, `epsilon_penalty`; with labels, also `label_penalty_reals` and
        `label_penalty_fakes`.
        """
        o, lod = self.options, Lod.of(lod)
        reals, labels = inputs.reals, inputs.labels
        fakes = tf.stop_gradient(G(inputs.latents, labels, lod=lod, training=True))
        both = tf.concat([reals, fakes], axis=0)
        scores, logits = D(both, lod=lod, training=True, sets=2)
        real_scores, fake_scores = tf.split(scores, 2)
        real_logits, fake_logits = tf.split(logits, 2)

        mixed = lerp(reals, fakes, inputs.mixing[:, None, None, None])
        with tf.GradientTape() as tape:
            tape.watch(mixed)
            mixed_scores, _ = D(mixed, lod=lod, training=True)
            scaled = tf.reduce_sum(mixed_scores) * loss_scale
        gradient = tape.gradient(scaled, mixed) / loss_scale
        mixed_norms = safe_norm(gradient) / 2.0**lod.level
        penalty = tf.square(mixed_norms - o.wgan_target)
        penalty *= o.wgan_lambda / o.wgan_target**2

        terms = {
            "real_scores": real_scores,
            "fake_scores": fake_scores,
            "mixed_scores": mixed_scores,
            "mixed_norms": mixed_norms,
            "gradient_penalty": penalty,
            "epsilon_penalty": tf.square(real_scores),
        }
        loss = fake_scores - real_scores + penalty + o.wgan_epsilon * terms["epsilon_penalty"]
        if D.label_size:
            terms["label_penalty_reals"] = cross_entropy(labels, real_logits)
            terms["label_penalty_fakes"] = cross_entropy(labels, fake_logits)
            loss += o.cond_weight * (terms["label_penalty_reals"] + terms["label_penalty_fakes"])
        return {"loss": loss, **terms}

    def generator(
        self, G: Generator, D: Discriminator, inputs: GeneratorInputs, lod: Lod | float
    ) -> Terms:
        """Returns `loss` and, with labels drawn from the data set, `label_penalty_fakes`."""
        lod = Lod.of(lod)
        fakes = G(inputs.latents, inputs.labels, lod=lod, training=True)
        scores, logits = D(fakes, lod=lod, training=True)
        terms = {"loss": -scores}
        if D.label_size:
            terms["label_penalty_fakes"] = cross_entropy(inputs.labels, logits)
            terms["loss"] += self.options.cond_weight * terms["label_penalty_fakes"]
        return terms

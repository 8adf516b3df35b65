"""WGAN-GP with drift, and AC-GAN label terms (spec section 2); pure functions, float32."""

import tensorflow as tf

from pgan_tf.config import LossOptions
from pgan_tf.networks import Discriminator, Generator, Lod, lerp


def discriminator_loss(
    G: Generator,
    D: Discriminator,
    reals: tf.Tensor,
    labels: tf.Tensor | None,
    latents: tf.Tensor,
    mixing: tf.Tensor,
    lod: float | Lod,
    options: LossOptions,
    loss_scale: float | tf.Tensor = 1.0,
) -> dict[str, tf.Tensor]:
    """D's loss and its terms, per sample.

    D = f - r + lambda / target^2 (|g| - target)^2 + epsilon r^2, with f, r the scores of
    fakes and reals and g the gradient of the score of lerp(real, fake, u) by that image at
    full resolution: an image of R / 2^level pixels, upscaled, has |g_full| = |g| / 2^level.

    Args:
      reals: [N, r, r, C] in [-1, 1], r = R / 2^floor(lod).
      labels: [N, label_size] of the reals, used for the fakes too; None without labels.
      latents: [N, latent_size].
      mixing: [N], u in [0, 1).
      lod: of the networks.
      options: weights of the terms.
      loss_scale: what the inner gradient is scaled by while it is computed, for float16.
    Returns:
      float32 [N] each: `loss`, `real_scores`, `fake_scores`, `mixed_scores`, `mixed_norms`,
      `gradient_penalty`, `epsilon_penalty`; with labels `label_penalty_reals`, `_fakes`.
    """
    lod = Lod.of(lod)
    fakes = tf.stop_gradient(G(latents, labels, lod=lod))
    scores, logits = D(tf.concat([reals, fakes], axis=0), lod=lod, sets=2)
    real_scores, fake_scores = tf.split(scores, 2)
    real_logits, fake_logits = tf.split(logits, 2)

    mixed = lerp(reals, fakes, mixing[:, None, None, None])
    with tf.GradientTape() as tape:
        tape.watch(mixed)
        mixed_scores, _ = D(mixed, lod=lod)
        scaled = tf.reduce_sum(mixed_scores) * loss_scale
    gradient = tape.gradient(scaled, mixed) / loss_scale
    mixed_norms = safe_norm(gradient) / 2.0**lod.level
    penalty = tf.square(mixed_norms - options.wgan_target)
    penalty *= options.wgan_lambda / options.wgan_target**2

    terms = {
        "real_scores": real_scores,
        "fake_scores": fake_scores,
        "mixed_scores": mixed_scores,
        "mixed_norms": mixed_norms,
        "gradient_penalty": penalty,
        "epsilon_penalty": tf.square(real_scores),
    }
    loss = fake_scores - real_scores + penalty + options.wgan_epsilon * terms["epsilon_penalty"]
    if D.label_size:
        terms["label_penalty_reals"] = cross_entropy(labels, real_logits)
        terms["label_penalty_fakes"] = cross_entropy(labels, fake_logits)
        loss += options.cond_weight * (terms["label_penalty_reals"] + terms["label_penalty_fakes"])
    return {"loss": loss, **terms}


def generator_loss(
    G: Generator,
    D: Discriminator,
    labels: tf.Tensor | None,
    latents: tf.Tensor,
    lod: float | Lod,
    options: LossOptions,
) -> dict[str, tf.Tensor]:
    """G's loss, per sample: -f, plus the cross-entropy of the fakes' labels.

    Args:
      labels: [N, label_size] drawn at random from the data set; None without labels.
      latents: [N, latent_size].
      lod: of the networks.
      options: weights of the terms.
    Returns: float32 [N] each: `loss`; with labels `label_penalty_fakes`.
    """
    lod = Lod.of(lod)
    scores, logits = D(G(latents, labels, lod=lod), lod=lod)
    terms = {"loss": -scores}
    if D.label_size:
        terms["label_penalty_fakes"] = cross_entropy(labels, logits)
        terms["loss"] += options.cond_weight * terms["label_penalty_fakes"]
    return terms


def safe_norm(x: tf.Tensor) -> tf.Tensor:
    """Euclidean norm of each sample, [N, ...] -> [N] float32; its gradient at 0 is 0."""
    squares = tf.square(tf.cast(x, tf.float32))
    square = tf.reduce_sum(squares, axis=list(range(1, len(x.shape))))
    is_zero = tf.equal(square, 0.0)  # not of NaN, which stays
    return tf.where(is_zero, 0.0, tf.sqrt(tf.where(is_zero, 1.0, square)))


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy, [N, label_size] both -> [N] float32."""
    return -tf.reduce_sum(tf.cast(labels, tf.float32) * tf.nn.log_softmax(logits), axis=1)

"""Losses by name: one of a user's own trains and is reported."""

import json

import pytest
import tensorflow as tf

from pgan_tf import losses
from pgan_tf.config import LossOptions, override
from pgan_tf.errors import UserError
from pgan_tf.train import train


class NonSaturating:
    """The logistic loss: softplus(-D(real)) + softplus(D(fake)), and softplus(-D(fake)) for G."""

    reported_D = ("real_score", "fake_score")
    reported_G = ()

    def __init__(self, options):
        self.options = options

    def discriminator(self, G, D, inputs, lod, loss_scale=1.0):
        fakes = G(inputs.latents, inputs.labels, lod=lod, training=True)
        real, _ = D(inputs.reals, lod=lod, training=True)
        fake, _ = D(fakes, lod=lod, training=True)
        loss = tf.math.softplus(-real) + tf.math.softplus(fake)
        return {"loss": loss, "real_score": real, "fake_score": fake}

    def generator(self, G, D, inputs, lod):
        fakes = G(inputs.latents, inputs.labels, lod=lod, training=True)
        return {"loss": tf.math.softplus(-D(fakes, lod=lod, training=True)[0])}


def test_a_loss_of_ones_own_trains_and_reports_its_terms(small, tmp_path, monkeypatch):
    monkeypatch.setattr(losses.protocol, "LOSSES", dict(losses.LOSSES))
    losses.register("toy")(NonSaturating)
    run = train(override(small, {"loss.name": "toy", "train.total_kimg": 0.016}), tmp_path)
    (tick,) = map(json.loads, (run / "stats.jsonl").read_text().splitlines())
    # Networks that have hardly trained give scores near 0: softplus(0) is 0.693.
    assert tick["D_loss"] == pytest.approx(2 * 0.693, abs=0.7)
    assert tick["G_loss"] == pytest.approx(0.693, abs=0.5)
    assert {"real_score", "fake_score"} <= tick.keys() and "gradient_penalty" not in tick


def test_an_unknown_loss_is_refused_naming_the_nearest():
    with pytest.raises(UserError, match=r"loss\.name=wgan_pg: .*did you mean 'wgan_gp'"):
        losses.make_loss(LossOptions(name="wgan_pg"))

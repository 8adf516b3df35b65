"""Losses by name: the documentation's own loss trains and is reported."""

import json
import re
from pathlib import Path

import pytest

from pgan_tf import losses
from pgan_tf.config import LossOptions, override
from pgan_tf.errors import UserError
from pgan_tf.train import train

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.mark.slow
def test_the_loss_on_the_page_trains_and_reports_its_terms(small, tmp_path, monkeypatch):
    monkeypatch.setattr(losses.protocol, "LOSSES", dict(losses.LOSSES))
    (code,) = re.findall(r"```python\n(.*?@register.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(compile(code, "logistic.py", "exec"), {})
    run = train(override(small, {"loss.name": "logistic", "train.total_kimg": 0.016}), tmp_path)
    (tick,) = map(json.loads, (run / "stats.jsonl").read_text().splitlines())
    # Networks that have hardly trained give scores near 0: softplus(0) is 0.693.
    assert tick["D_loss"] == pytest.approx(2 * 0.693, abs=0.7)
    assert tick["G_loss"] == pytest.approx(0.693, abs=0.5)
    assert {"real_scores", "fake_scores"} <= tick.keys() and "gradient_penalty" not in tick


def test_an_unknown_loss_is_refused_naming_the_nearest():
    with pytest.raises(UserError, match=r"loss\.name=wgan_pg: .*did you mean 'wgan_gp'"):
        losses.make_loss(LossOptions(name="wgan_pg"))

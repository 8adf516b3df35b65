"""docs/options.md is up to date, and its Python example runs."""

import re
from pathlib import Path

import numpy as np

from pgan_tf import options_page, presets

PAGE = Path(__file__).parents[1] / "docs" / "options.md"

TINY = {
    "data.synthetic": "4x3", "data.resolution": 4, "G.fmap_max": 4, "D.fmap_max": 4,
    "schedule.minibatch_base": 4, "train.total_kimg": 0.008, "train.xla": False,
}  # fmt: skip


def test_the_page_is_up_to_date():
    text = "\n".join(options_page.lines()) + "\n"
    assert PAGE.read_text(encoding="utf-8") == text, f"run: {options_page.COMMAND}"


def test_the_pages_python_trains_in_ten_lines(monkeypatch, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    chosen, compose = [], presets.compose

    def tiny(config, *, options, **kwargs):
        chosen.append(compose(config, options=options, **kwargs))
        return compose(config, options={**options, **TINY}, **kwargs)

    monkeypatch.setattr(presets, "compose", tiny)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert chosen[0].train.total_kimg == 60 and not chosen[0].data.mirror
    assert names["run"] == Path("results/000-openmoji-fp32")
    images = names["Gs"](np.zeros([2, names["Gs"].latent_size], np.float32))
    assert images.shape == (2, 4, 4, 3) and np.isfinite(images).all()

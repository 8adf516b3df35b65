"""The lines of docs/python.md and the notebook run as they are printed."""

import textwrap
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from test_generate import snapshot_in

from pgan_tf import sampler
from pgan_tf.inference import Synthesis

ROOT = Path(__file__).parents[1]


def first_block(page):
    """Returns the first indented block of a page."""
    lines = page.split("\n\n    ", 1)[1].splitlines()
    end = next(i for i, line in enumerate(lines[1:], 1) if line and not line.startswith("    "))
    return textwrap.dedent("    " + "\n".join(lines[:end]))


def test_ten_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sampler, "Synthesis", partial(Synthesis, xla=False))
    snapshot_in(tmp_path / "demo" / "results" / "000-portraits")
    code = first_block((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    names = {}
    exec(compile(code, "docs/python.md", "exec"), names)
    assert names["images"].shape == names["typical"].shape == (8, 16, 16, 3)
    spread = [names[name].std(axis=0).mean() for name in ("typical", "images")]
    assert 0 < spread[0] < spread[1]
    gs, between = names["gs"], names["between"]
    np.testing.assert_allclose(between[[0, -1]].astype(int), gs.sample([3, 14]), atol=1)
    picture = np.asarray(Image.open("faces.png"))
    np.testing.assert_array_equal(picture[:16, 16:32], names["images"][1])
    np.testing.assert_array_equal(picture[32:48, :16], between[0])

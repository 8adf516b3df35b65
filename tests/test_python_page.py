"""The first example of docs/python.md and the notebook run as they are printed."""

import base64
import io
import textwrap
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image
from test_generate import snapshot_in

from pgan_tf import projection, sampler
from pgan_tf.inference import Synthesis

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def first_block(page):
    """Returns the first indented block of a page."""
    lines = page.split("\n\n    ", 1)[1].splitlines()
    end = next(i for i, line in enumerate(lines[1:], 1) if line and not line.startswith("    "))
    return textwrap.dedent("    " + "\n".join(lines[:end]))


def test_the_pages_first_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sampler, "Synthesis", partial(Synthesis, xla=False))
    quick = partial(projection.project, steps=30, starts=2, xla=False)
    monkeypatch.setattr(projection, "project", quick)
    snapshot_in(tmp_path / "demo" / "results" / "000-portraits")
    code = first_block((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    names = {}
    exec(compile(code, "docs/python.md", "exec"), names)
    assert names["images"].shape == names["typical"].shape == (8, 16, 16, 3)
    spread = [names[name].std(axis=0).mean() for name in ("typical", "images")]
    assert 0 < spread[0] < spread[1]
    gs, between = names["gs"], names["between"]
    assert names["found"].psnr > 15
    ends = np.stack([names["found"].image, gs.sample([14])[0]])
    np.testing.assert_allclose(between[[0, -1]].astype(int), ends, atol=1)
    picture = np.asarray(Image.open("faces.png"))
    np.testing.assert_array_equal(picture[:16, 16:32], names["images"][1])
    np.testing.assert_array_equal(picture[32:48, :16], between[0])


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    snapshot = snapshot_in(tmp_path / "000-faces", class_names=("bird", "cat"), label_size=2)
    monkeypatch.setenv("PGAN_SNAPSHOT", str(snapshot))
    monkeypatch.setenv("PGAN_OUT", str(tmp_path))
    monkeypatch.setenv("PGAN_STEPS", "20")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    directory = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=directory).execute()
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert [picture.size for picture in pictures[:3]] == [(768, 192), (768, 480), (768, 96)]
    truncated = np.asarray(pictures[1])[480 - 96 :].reshape(96, 4, 192, 3)
    np.testing.assert_array_equal(truncated[:, 0], truncated[:, 3])  # psi 0: one image per class
    assert pictures[-1].size == (192, 96)  # the projection's target and image
    saved = np.asarray(Image.open(tmp_path / "notebook.png"))
    assert saved.shape == (64, 128, 3) and saved.std() > 5


def test_the_notebook_has_no_outputs():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None

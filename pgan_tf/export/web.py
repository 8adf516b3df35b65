"""A generator in a web page that needs no server and no connection."""

import os
import shlex
from pathlib import Path

from pgan_tf.data.storage import readable_size
from pgan_tf.errors import UserError
from pgan_tf.export.onnx import make_model
from pgan_tf.export.onnx_weights import SharedWeights
from pgan_tf.export.request import Request
from pgan_tf.export.writing import atomic_output, check_target, size_of
from pgan_tf.networks import Generator, Lod
from pgan_tf.pages import explorer
from pgan_tf.pages.explorer.facts import centres_of, facts_of, lods_of
from pgan_tf.snapshots import load_snapshot
from pgan_tf.snapshots.parts import Snapshot

LARGEST = 200_000_000
"""Most bytes of weights in a page; browsers, also on telephones, keep several copies of them."""

_WEIGHTS = "weights.bin"  # the weights' file name in the graphs; worker.js has the same


def export_web(
    snapshot: str | os.PathLike,
    out: str | os.PathLike,
    float16: bool = False,
    force: bool = False,
    webgpu: bool = False,
) -> str:
    """Writes a page in which any browser runs a snapshot's Gs without a server.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; the newest is taken.
      out: a directory for `index.html` and two scripts; or a name that ends in `.html`, for one
        file that holds everything.
      float16: keep the weights in half precision.
      force: replace an earlier page at `out`.
      webgpu: use a GPU where the browser has one; the page is 3.9 MB larger.
    Returns: a line that describes what was written.
    Raises: UserError when there is no snapshot, `out` exists already, or the generator is too
      large.
    """
    is_file = Path(out).suffix.lower() == ".html"
    path = check_target(out, ".html" if is_file else "", force, explorer.FILES)
    loaded = load_snapshot(snapshot)
    model = make_graphs(loaded.Gs, float16)
    _check_size(loaded, len(model.weights), float16)
    facts = facts_of(loaded, most=1, centres=centres_of(loaded))
    with atomic_output(path) as partial:
        if is_file:
            partial.write_text(explorer.one_file(facts, model, webgpu), encoding="utf-8")
        else:
            partial.mkdir()
            for name, text in explorer.folder(facts, model, webgpu).items():
                (partial / name).write_text(text, encoding="utf-8")
    start = path if is_file else path / "index.html"
    return (
        f"{start}: Gs of {loaded.path.name}, {readable_size(size_of(path))}; open it in a browser"
    )


def make_graphs(Gs: Generator, float16: bool = False) -> explorer.Model:
    """Returns a generator as one ONNX model per resolution; the models share their weights.

    Input: `latents` [N, latent_size] and, with classes, `labels` [N, label_size]. Output: `images`,
    float32 [N, C, r, r], in about [-1, 1].

    Args:
      Gs: the generator.
      float16: keep the weights in half precision.
    Raises: UserError for a layer without an ONNX form.
    """
    weights, graphs = SharedWeights(_WEIGHTS), {}
    for lod in lods_of(Gs):
        model = make_model(Request(Gs, Lod.of(lod), layout="NCHW", float16=float16))
        weights.move_from(model)
        graphs[Gs.resolution >> int(lod)] = model.SerializeToString()
    return explorer.Model(graphs, weights.content())


def _check_size(loaded: Snapshot, size: int, float16: bool) -> None:
    """Raises UserError for a generator that is too large for a page."""
    if size <= LARGEST:
        return
    fits = not float16 and size / 2 <= LARGEST
    served = f"python -m pgan_tf.explore --snapshot {shlex.quote(str(loaded.path))}"
    advice = "add --float16 to halve it" if fits else f"to serve it from this computer: {served}"
    raise UserError(
        f"{loaded.path}: the generator has {size / 1e6:.0f} MB, but a page holds"
        f" {LARGEST / 1e6:.0f} MB at most; {advice}"
    )

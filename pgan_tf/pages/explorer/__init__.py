"""The page for exploring a generator, whose images the page itself or a server computes."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgan_tf.pages.page import assemble, bytes_of, text_of

RUNTIME_FILE = "explorer-runtime.js"
MODEL_FILE = "explorer-model.js"
FILES = (MODEL_FILE, RUNTIME_FILE, "index.html")
"""Names of the files in a page that is a folder."""

_SCRIPTS = (
    "random.js", "latents.js", "npy.js", "parts.js", "local.js", "remote.js", "queue.js",
    "panels.js", "grid.js", "walk.js", "save.js", "explorer.js",
)  # fmt: skip
_COMPUTING = {"worker-src": "blob:", "script-src": "'wasm-unsafe-eval' blob:"}
_BESIDE = "'self' file:"  # allows scripts beside the page, on a server or on a disk


@dataclass(frozen=True)
class Model:
    """A generator for the page.

    Attributes:
      graphs: resolution -> ONNX model without its weights.
      weights: the weights of all graphs.
    """

    graphs: Mapping[int, bytes]
    weights: bytes

    def parts(self) -> dict[str, bytes]:
        """Returns part name -> content, compressed with gzip."""
        graphs = {f"graph-{resolution}": graph for resolution, graph in self.graphs.items()}
        return {
            name: gzip.compress(content, 6, mtime=0)
            for name, content in {**graphs, "weights": self.weights}.items()
        }


def served_page() -> str:
    """Returns the page for a server; it gets facts from `api/info`, images from `api/images`."""
    return _page({"facts": None}, "", {"connect-src": "'self'"})


def one_file(facts: Mapping[str, Any], model: Model, webgpu: bool = False) -> str:
    """Returns a page as a single file.

    Args:
      facts: facts about the generator, from `facts.facts_of`.
      model: the generator.
      webgpu: True to include the larger runtime, which uses a GPU if the browser allows it.
    """
    blocks = [f"<!--\n{_licence()}-->"]
    for name, content in {**_runtime(webgpu), **model.parts()}.items():
        blocks.append(f'<script type="text/plain" id="part-{name}">{_base64(content)}</script>')
    return _page({"facts": {**facts, "webgpu": webgpu}}, "\n".join(blocks), _COMPUTING)


def folder(facts: Mapping[str, Any], model: Model, webgpu: bool = False) -> dict[str, str]:
    """Returns file name -> content of a page with two scripts beside it.

    Args: see `one_file`.
    """
    beside = (RUNTIME_FILE, MODEL_FILE)
    tags = "\n".join(f'<script src="{name}" defer></script>' for name in beside)
    scripts = f"{_COMPUTING['script-src']} {_BESIDE}"
    facts = {**facts, "webgpu": webgpu}
    return {
        "index.html": _page({"facts": facts}, tags, {**_COMPUTING, "script-src": scripts}),
        RUNTIME_FILE: f"/*\n{_licence()}*/\n{_script_of(_runtime(webgpu))}",
        MODEL_FILE: _script_of(model.parts()),
    }


def _page(data: Mapping[str, Any], more: str, allow: Mapping[str, str]) -> str:
    scripts = [text_of(f"explorer/{name}") for name in _SCRIPTS]
    styles = [text_of("explorer/explorer.css")]
    allow = {"img-src": "blob:", "media-src": "blob:", **allow}
    return assemble(text_of("explorer/explorer.html"), data, styles, scripts, more, allow)


def _runtime(webgpu: bool) -> dict[str, bytes]:
    """Returns part name -> content of the worker and its runtime, compressed with gzip."""
    worker = text_of("explorer/worker.js").encode()
    name = "onnxruntime-web.webgpu" if webgpu else "onnxruntime-web"
    parts = {f"ort.{kind}": bytes_of(f"vendor/{name}.{kind}.gz") for kind in _RUNTIME}
    return {**parts, "worker": gzip.compress(worker, mtime=0)}


_RUNTIME = ("js", "mjs", "wasm")


def _licence() -> str:
    return f"onnxruntime-web\n\n{text_of('vendor/onnxruntime-web.LICENSE')}"


def _script_of(parts: Mapping[str, bytes]) -> str:
    """Returns a script that hands the parts to the page; see parts.js."""
    return "".join(f'explorerPart("{name}", "{_base64(part)}");\n' for name, part in parts.items())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

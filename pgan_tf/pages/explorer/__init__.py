"""The page that explores a generator: computed within the page, or by a server behind it."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgan_tf.pages.page import assemble, bytes_of, text_of

RUNTIME_FILE = "explorer-runtime.js"
MODEL_FILE = "explorer-model.js"
FILES = (MODEL_FILE, RUNTIME_FILE, "index.html")
"""Of a page that is a folder."""

_SCRIPTS = (
    "random.js", "latents.js", "npy.js", "parts.js", "local.js", "remote.js", "queue.js",
    "panels.js", "grid.js", "walk.js", "save.js", "explorer.js",
)  # fmt: skip
_COMPUTING = {"worker-src": "blob:", "script-src": "'wasm-unsafe-eval' blob:"}
_BESIDE = "'self' file:"  # scripts beside the page, from a disk or from a server


@dataclass(frozen=True)
class Model:
    """A generator for the page, compressed as it is kept.

    Attributes:
      graphs: resolution -> ONNX model whose weights are elsewhere.
      weights: of all graphs.
    """

    graphs: Mapping[int, bytes]
    weights: bytes

    def parts(self) -> dict[str, bytes]:
        """Returns the parts of a page, compressed."""
        graphs = {f"graph-{resolution}": graph for resolution, graph in self.graphs.items()}
        return {
            name: gzip.compress(content, 6, mtime=0)
            for name, content in {**graphs, "weights": self.weights}.items()
        }


def served_page() -> str:
    """Returns the page for a server: it asks `api/info` and has its images from `api/images`."""
    return _page({"facts": None}, "", {"connect-src": "'self'"})


def one_file(facts: Mapping[str, Any], model: Model, webgpu: bool = False) -> str:
    """Returns a page that holds all it needs.

    Args:
      facts: of `facts.facts_of`.
      model: the generator.
      webgpu: hold the larger runtime, which uses a GPU where the browser lets it.
    """
    blocks = [f"<!--\n{_licence()}-->"]
    for name, content in {**_runtime(webgpu), **model.parts()}.items():
        blocks.append(f'<script type="text/plain" id="part-{name}">{_base64(content)}</script>')
    return _page({"facts": {**facts, "webgpu": webgpu}}, "\n".join(blocks), _COMPUTING)


def folder(facts: Mapping[str, Any], model: Model, webgpu: bool = False) -> dict[str, str]:
    """Returns file name -> content of a page and the scripts beside it.

    Args: as for `one_file`.
    """
    beside = (RUNTIME_FILE, MODEL_FILE)
    tags = "\n".join(f'<script src="{name}" defer></script>' for name in beside)
    scripts = f"{_COMPUTING['script-src']} {_BESIDE}"
    facts = {**facts, "webgpu": webgpu}
    return {
        "index.html": _page({"facts": facts}, tags, {**_COMPUTING, "script-src": scripts}),
        RUNTIME_FILE: f"/*\n{_licence()}*/\n{_calls(_runtime(webgpu))}",
        MODEL_FILE: _calls(model.parts()),
    }


def _page(data: Mapping[str, Any], more: str, allow: Mapping[str, str]) -> str:
    scripts = [text_of(f"explorer/{name}") for name in _SCRIPTS]
    styles = [text_of("explorer/explorer.css")]
    allow = {"img-src": "blob:", "media-src": "blob:", **allow}
    return assemble(text_of("explorer/explorer.html"), data, styles, scripts, more, allow)


def _runtime(webgpu: bool) -> dict[str, bytes]:
    """Returns the parts that compute, compressed."""
    worker = text_of("explorer/worker.js").encode()
    name = "onnxruntime-web.webgpu" if webgpu else "onnxruntime-web"
    parts = {f"ort.{kind}": bytes_of(f"vendor/{name}.{kind}.gz") for kind in _RUNTIME}
    return {**parts, "worker": gzip.compress(worker, mtime=0)}


_RUNTIME = ("js", "mjs", "wasm")


def _licence() -> str:
    return f"onnxruntime-web\n\n{text_of('vendor/onnxruntime-web.LICENSE')}"


def _calls(parts: Mapping[str, bytes]) -> str:
    return "".join(f'explorerPart("{name}", "{_base64(part)}");\n' for name, part in parts.items())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

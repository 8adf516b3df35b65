"""The explorer pages: their security policies and embedded parts."""

import base64
import gzip
import hashlib
import re

import pytest

from pgan_tf.pages import explorer
from pgan_tf.pages.page import bytes_of

MODEL = explorer.Model({8: b"eight", 4: b"four"}, b"weights" * 100)
FACTS = {"name": "a"}


def policy_of(page):
    """Returns {directive: sources} without the scripts' hashes, which are checked here."""
    content = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"'sha256-(.*?)'", content) == hashes and len(hashes) > 5
    plain = re.sub(r" 'sha256-.*?'", "", content)
    return {d.split()[0]: d.split()[1:] for d in plain.split("; ")}


COMMON = {
    "default-src": ["'none'"],
    "img-src": ["data:", "blob:"],
    "media-src": ["blob:"],
    "style-src": ["'unsafe-inline'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
}
COMPUTING = {"worker-src": ["blob:"], "script-src": ["'wasm-unsafe-eval'", "blob:"]}


@pytest.mark.parametrize(
    "page,more",
    [
        (explorer.one_file(FACTS, MODEL), COMPUTING),
        (
            explorer.folder(FACTS, MODEL)["index.html"],
            {**COMPUTING, "script-src": [*COMPUTING["script-src"], "'self'", "file:"]},
        ),
        (explorer.served_page(), {"connect-src": ["'self'"], "script-src": []}),
    ],
)
def test_each_page_has_its_own_content_security_policy(page, more):
    assert policy_of(page) == {**COMMON, **more}
    sources = re.findall(r'<script src="(.*?)"', page)
    assert sources in ([], [explorer.RUNTIME_FILE, explorer.MODEL_FILE])
    assert not re.findall(r"<(?:link|img|iframe)\b", page)


def test_embedded_parts_unpack_to_the_originals():
    page = explorer.one_file(FACTS, MODEL)
    found = dict(re.findall(r'<script type="text/plain" id="part-(.*?)">(.*?)</script>', page))
    beside = explorer.folder(FACTS, MODEL)
    calls = beside[explorer.RUNTIME_FILE] + beside[explorer.MODEL_FILE]
    assert dict(re.findall(r'^explorerPart\("(.*?)", "(.*?)"\);$', calls, re.M)) == found
    parts = {name: base64.b64decode(text) for name, text in found.items()}
    assert parts["ort.wasm"] == bytes_of("vendor/onnxruntime-web.wasm.gz")
    names = ["weights", "graph-8", "graph-4"]
    contents = [gzip.decompress(parts[name]) for name in names]
    assert contents == [MODEL.weights, b"eight", b"four"]
    assert set(parts) == {*names, "ort.js", "ort.mjs", "ort.wasm", "worker"}
    with_gpu = explorer.folder(FACTS, MODEL, webgpu=True)[explorer.RUNTIME_FILE]
    (wasm,) = re.findall(r'^explorerPart\("ort.wasm", "(.*?)"\);$', with_gpu, re.M)
    assert base64.b64decode(wasm) == bytes_of("vendor/onnxruntime-web.webgpu.wasm.gz")

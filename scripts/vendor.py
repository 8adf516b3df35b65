"""Fetches the pages' JavaScript libraries from npm packages into pgan_tf/pages/vendor/.

    python scripts/vendor.py

Run it after changing a version here. It needs `npm`, and writes VENDOR.md beside the files. Large
files are stored compressed; pages hold them so, and the browser unpacks them.
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).parents[1] / "pgan_tf" / "pages" / "vendor"


class Package(NamedTuple):
    """An npm package, and the files that are taken from it.

    Attributes:
      integrity: the base64 SHA-512 of its archive, as `npm view NAME@VERSION dist.integrity`
        prints.
      files: path in the package -> name in vendor/; a name in `.gz` means that it is compressed.
      texts: name in vendor/ -> content of a file that the package lacks, such as its licence.
    """

    name: str
    version: str
    license: str
    integrity: str
    files: dict[str, str]
    texts: dict[str, str] = {}  # noqa: RUF012  the shared default is never changed


MIT = """\
The MIT License (MIT)

{copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software
and associated documentation files (the "Software"), to deal in the Software without
restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

PACKAGES = (
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {
            "dist/uPlot.iife.min.js": "uplot.min.js",
            "dist/uPlot.min.css": "uplot.min.css",
            "LICENSE": "uplot.LICENSE",
        },
    ),
    Package(
        "onnxruntime-web",
        "1.30.0",
        "MIT",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        {
            "dist/ort.wasm.min.js": "onnxruntime-web.js.gz",
            "dist/ort-wasm-simd-threaded.mjs": "onnxruntime-web.mjs.gz",
            "dist/ort-wasm-simd-threaded.wasm": "onnxruntime-web.wasm.gz",
            "dist/ort.webgpu.min.js": "onnxruntime-web.webgpu.js.gz",
            "dist/ort-wasm-simd-threaded.asyncify.mjs": "onnxruntime-web.webgpu.mjs.gz",
            "dist/ort-wasm-simd-threaded.asyncify.wasm": "onnxruntime-web.webgpu.wasm.gz",
        },
        {
            "onnxruntime-web.LICENSE": MIT.format(
                copyright="Copyright (c) Microsoft Corporation. All rights reserved."
            )
        },
    ),
)


def fetch(package: Package) -> dict[str, bytes]:
    """Returns {name in vendor/: content}. Exits with one line if the package can't be verified."""
    with tempfile.TemporaryDirectory() as directory:
        name = f"{package.name}@{package.version}"
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", directory, name], check=False
        )
        archives = list(Path(directory).iterdir())
        if packed.returncode or len(archives) != 1:
            sys.exit(f"npm pack {name} failed")
        digest = hashlib.sha512(archives[0].read_bytes()).digest()
        if base64.b64encode(digest).decode() != package.integrity:
            sys.exit(f"{name}: the archive's SHA-512 is not the one in scripts/vendor.py")
        with tarfile.open(archives[0]) as archive:
            files = {
                target: archive.extractfile(f"package/{source}").read()
                for source, target in package.files.items()
            }
    files = {
        name: gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        for name, content in files.items()
    }
    return files | {name: text.encode() for name, text in package.texts.items()}


def table(contents: list[tuple[Package, dict[str, bytes]]]) -> str:
    """Returns the text of VENDOR.md."""
    lines = [
        "# Third-party files",
        "",
        "`python scripts/vendor.py` makes these files from npm packages; don't edit them.",
        "",
        "| file | package | version | licence | SHA-256 |",
        "|---|---|---|---|---|",
    ]
    for package, files in contents:
        lines += [
            f"| `{name}` | [{package.name}](https://www.npmjs.com/package/{package.name}) |"
            f" {package.version} | {package.license} | `{hashlib.sha256(content).hexdigest()}` |"
            for name, content in files.items()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the files and VENDOR.md."""
    VENDOR.mkdir(exist_ok=True)
    contents = [(package, fetch(package)) for package in PACKAGES]
    for _, files in contents:
        for name, content in files.items():
            (VENDOR / name).write_bytes(content)
    (VENDOR / "VENDOR.md").write_text(table(contents), encoding="utf-8")


if __name__ == "__main__":
    main()

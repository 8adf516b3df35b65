"""Puts the JavaScript libraries that pages hold into pgan_tf/pages/vendor/, from npm packages.

    python scripts/vendor.py

Run it after changing a version here. It needs `npm`, and writes VENDOR.md beside the files.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).parents[1] / "pgan_tf" / "pages" / "vendor"


class Package(NamedTuple):
    """An npm package, and what is taken of it.

    Attributes:
      integrity: the base64 SHA-512 of its archive, as `npm view NAME@VERSION dist.integrity` says.
      files: path in the package -> name in vendor/.
    """

    name: str
    version: str
    license: str
    integrity: str
    files: dict[str, str]


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
)


def fetch(package: Package) -> dict[str, bytes]:
    """Returns name in vendor/ -> content. Exits with one line when it is not what it should be."""
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
            sys.exit(f"{name} is not the archive whose SHA-512 this script holds")
        with tarfile.open(archives[0]) as archive:
            return {
                target: archive.extractfile(f"package/{source}").read()
                for source, target in package.files.items()
            }


def table(contents: list[tuple[Package, dict[str, bytes]]]) -> str:
    """Returns VENDOR.md."""
    lines = [
        "# Files of others",
        "",
        "`python scripts/vendor.py` makes these from npm packages; they are not edited.",
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

"""One self-contained HTML file of a page's parts and its data."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

_FILES = resources.files("pgan_tf.pages")
_PLACE = re.compile(r"<!--(policy|styles|data|scripts)-->")


def build_page(name: str, data: Any, libraries: Sequence[str] = ()) -> str:
    """Returns a page that asks no other host for anything.

    `NAME.html` says by `<!--policy-->`, `<!--styles-->`, `<!--data-->` and `<!--scripts-->` where
    the parts go; `NAME.css` and `NAME.js` are the page's own. The script finds the data as the JSON
    text of the element with the id `data`. The policy allows pictures within the page, and no
    scripts but these: not even one that the data would smuggle in.

    Args:
      name: of the page's files.
      data: what JSON can hold, without NaN and infinities.
      libraries: names in `vendor/`, each of a script with styles and a licence, such as `uplot`.
    """
    styles = [_text(f"vendor/{library}.min.css") for library in libraries] + [_text(f"{name}.css")]
    scripts = [_library(library) for library in libraries] + [_text(f"{name}.js")]
    parts = {
        "policy": _policy(scripts),
        "styles": "\n".join(f"<style>\n{style}</style>" for style in styles),
        "data": f'<script type="application/json" id="data">{_json(data)}</script>',
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return _PLACE.sub(lambda match: parts[match[1]], _text(f"{name}.html"))


def _text(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _library(name: str) -> str:
    """Returns a library's script below its licence, which goes with every copy."""
    return f"/*\n{_text(f'vendor/{name}.LICENSE')}\n*/\n{_text(f'vendor/{name}.min.js')}"


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{text}'" for text in hashes)
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed};"
        " base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _json(data: Any) -> str:
    """Returns JSON in ASCII that ends no element: a tag or a comment needs a `<`."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")

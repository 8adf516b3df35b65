"""HTML files that need nothing beside them, of a page's parts and its data."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

_FILES = resources.files("pgan_tf.pages")
_PLACE = re.compile(r"<!--(policy|styles|data|scripts)-->")


def build_page(name: str, data: Any, libraries: Sequence[str] = ()) -> str:
    """Returns a page that asks no other host for anything.

    `NAME.html`, `NAME.css` and `NAME.js` are the page's own files; see `assemble`.

    Args:
      name: of the page's files.
      data: what JSON can hold, without NaN and infinities.
      libraries: names in `vendor/`, each of a script with styles and a licence, such as `uplot`.
    """
    styles = [text_of(f"vendor/{library}.min.css") for library in libraries]
    scripts = [*map(_library, libraries), text_of(f"{name}.js")]
    return assemble(text_of(f"{name}.html"), data, [*styles, text_of(f"{name}.css")], scripts)


def assemble(
    template: str,
    data: Any,
    styles: Sequence[str],
    scripts: Sequence[str],
    more: str = "",
    allow: Mapping[str, str] | None = None,
) -> str:
    """Puts a page together.

    The template says by `<!--policy-->`, `<!--styles-->`, `<!--data-->` and `<!--scripts-->` where
    the parts go. A script finds the data as the JSON text of the element with the id `data`. The
    policy allows pictures within the page, and no scripts but these: not even one that the data
    would smuggle in.

    Args:
      template: HTML.
      data: what JSON can hold, without NaN and infinities.
      styles, scripts: the page's own, in their order; base.css and base.js, which all pages share,
        come before them.
      more: HTML that is put before the scripts.
      allow: directive of the policy -> sources that it allows beside those.
    """
    styles = [text_of("base.css"), *styles]
    scripts = [text_of("base.js"), *scripts]
    parts = {
        "policy": _policy(scripts, allow or {}),
        "styles": "\n".join(f"<style>\n{style}</style>" for style in styles),
        "data": f'<script type="application/json" id="data">{_json(data)}</script>',
        "scripts": "\n".join([more, *(f"<script>{script}</script>" for script in scripts)]).strip(),
    }
    return _PLACE.sub(lambda match: parts[match[1]], template)


def text_of(name: str) -> str:
    """Returns the text of a file in this package."""
    return (_FILES / name).read_text(encoding="utf-8")


def bytes_of(name: str) -> bytes:
    """Returns the content of a file in this package."""
    return (_FILES / name).read_bytes()


def _library(name: str) -> str:
    """Returns a library's script below its licence, which goes with every copy."""
    return f"/*\n{text_of(f'vendor/{name}.LICENSE')}\n*/\n{text_of(f'vendor/{name}.min.js')}"


def _policy(scripts: Sequence[str], allow: Mapping[str, str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    directives = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": " ".join(f"'sha256-{text}'" for text in hashes),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for name, sources in allow.items():
        directives[name] = f"{directives.get(name, '')} {sources}".strip()
    policy = "; ".join(f"{name} {sources}" for name, sources in directives.items())
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _json(data: Any) -> str:
    """Returns JSON in ASCII that ends no element: a tag or a comment needs a `<`."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")

"""Puts a page's parts and its data together into one HTML file."""

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
    """Returns the HTML of a page that loads nothing from other hosts.

    The page is made of `NAME.html`, `NAME.css` and `NAME.js`; see `assemble`.

    Args:
      name: name of the page's files.
      data: the page's data; must be serializable as JSON, without NaN and infinities.
      libraries: libraries in `vendor/`, such as `uplot`: a script, styles and a licence each.
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
    """Returns a page's HTML, put together from its parts.

    In the template, `<!--policy-->`, `<!--styles-->`, `<!--data-->` and `<!--scripts-->` mark the
    places of the parts. Scripts read the data as JSON text from the element with the id `data`. The
    policy allows pictures within the page and only the given scripts, so a script hidden in the
    data can't run.

    Args:
      template: HTML with the four marks.
      data: the page's data; must be serializable as JSON, without NaN and infinities.
      styles, scripts: the page's own styles and scripts, in order; base.css and base.js, which all
        pages share, come before them.
      more: HTML to put before the scripts.
      allow: directive of the policy -> further sources to allow.
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
    """Returns a library's script, preceded by the licence that must go with every copy."""
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
    """Returns ASCII JSON without `<`, so that no text in it can end its element or begin one."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")

"""A page is complete, loads nothing else, and its data can't become markup."""

import base64
import hashlib
import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

from pgan_tf.pages.page import build_page

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "pgan_tf" / "pages"
HOSTILE = (
    "</script><script>alert(1)</script><!--<script> <img src=x onerror=alert(1)> & \u2028 \udcff"
)


class Elements(HTMLParser):
    """Lists a page's elements: [tag, attributes, text if a script or style]."""

    def __init__(self, text):
        super().__init__()
        self.found, self.is_open = [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])
        self.is_open = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.is_open = False

    def handle_data(self, data):
        if self.is_open:
            self.found[-1][2] += data


def test_hostile_data_round_trips_and_adds_no_elements():
    data = {"runs": [HOSTILE, {HOSTILE: "<!--data-->"}]}
    text = build_page("report", data, ["uplot"])
    text.encode("utf-8")
    elements = Elements(text).found
    (found,) = [content for _, attributes, content in elements if attributes.get("id") == "data"]
    assert json.loads(found) == data and "<" not in found
    plain = Elements(build_page("report", {"runs": []}, ["uplot"])).found
    assert [tag for tag, *_ in elements] == [tag for tag, *_ in plain]


def test_only_the_pages_own_scripts_are_allowed():
    elements = Elements(build_page("report", {"runs": []}, ["uplot"])).found
    (policy,) = [a["content"] for _, a, _ in elements if "http-equiv" in a]
    scripts = [c for tag, a, c in elements if tag == "script" and "type" not in a]
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert len(scripts) == 3 and re.findall(r"'sha256-(.*?)'", policy) == hashes
    rest = re.sub(r" 'sha256-.*?'", "", policy)
    assert rest == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src; base-uri 'none';"
        " form-action 'none'"
    )


def test_a_page_holds_the_licence_of_its_library():
    text = build_page("report", {"runs": []}, ["uplot"])
    assert "The MIT License" in text and "Leon Sorokin" in text


def test_a_page_links_nowhere_else():
    for _, attributes, _ in Elements(build_page("report", {"runs": []}, ["uplot"])).found:
        addresses = {v for n, v in attributes.items() if n in ("src", "href", "srcset", "action")}
        assert all(address.startswith("#") for address in addresses)


def test_vendored_files_match_the_table_of_checksums():
    table = (PAGES / "vendor" / "VENDOR.md").read_text()
    listed = dict(re.findall(r"^\| `(.*?)` .*`([0-9a-f]{64})` \|$", table, re.M))
    files = {p.name: p.read_bytes() for p in (PAGES / "vendor").iterdir() if p.suffix != ".md"}
    assert {n: hashlib.sha256(content).hexdigest() for n, content in files.items()} == listed


def test_all_files_of_the_pages_are_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]
    installed = set()
    for package in ("pgan_tf.pages", "pgan_tf.pages.explorer"):
        for pattern in patterns[package]:
            installed |= set((ROOT / package.replace(".", "/")).glob(pattern))
    files = {p for p in PAGES.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert len(files) >= 20 and files == installed

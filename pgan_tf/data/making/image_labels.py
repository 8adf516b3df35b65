"""Labels of a user's images: by folder, from a JSON file or from a table; and their rows."""

import csv
import dataclasses
import io
import json
import math
import posixpath
import re
import reprlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.labels import MANY_CLASSES, one_hot
from pgan_tf.data.pictures import imagetree
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.data.pictures.imagetree import Member, Tree
from pgan_tf.errors import UserError, nearest, one_line

_MAX_BYTES = 1 << 30  # of a file of labels
_FORM = '{"labels": [["name.png", 0], ...]} or {"name.png": 0, ...}'
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclasses.dataclass(frozen=True)
class ImageLabels:
    """Labels of images.

    of: class name, class number or list of numbers of each image that has a label.
    classes: names of the numbered classes, or None.
    file: of the tree's, that they come from, or None.
    """

    of: dict[str, Any]
    classes: list[str] | None = None
    file: str | None = None


def from_folders(names: Sequence[str]) -> ImageLabels:
    """Returns labels by the topmost folder that not all files are below."""
    holding = set(map(posixpath.dirname, names))
    folders = posixpath.commonpath(holding) if holding else ""
    if folders in holding:  # it is a class then
        folders = posixpath.dirname(folders)
    first = len(folders) + 1 if folders else 0
    # Interned, since a million names need a million strings otherwise.
    of = {
        name: sys.intern(name[first:end]) for name in names if (end := name.find("/", first)) >= 0
    }
    if len(set(of.values())) == 1:
        print(f"All images are of one class, {next(iter(of.values()))}")
    return ImageLabels(of)


def read(tree: Tree, labels: str) -> ImageLabels | None:
    """Returns the labels of a tree's images that a file gives; None where it says there are none.

    Args:
      tree: the images.
      labels: name of the file: in the tree's root, in a folder that all images are in, or
        elsewhere. JSON: {"labels": [[file name, label], ...]} and perhaps "classes": [name of
        class 0, ...], {"labels": null}, or {file name: label, ...}; or a table with a line
        `name,class` for each image and perhaps a heading. A label is a class's name or number or,
        in JSON, a list of numbers; null, and in a table nothing, is none.
    Raises: UserError that names the file and, where it can, the line.
    """
    member = _find(tree, labels)
    text = _content(tree, labels, member)
    known = set(tree.images)
    folder = member.name[: member.name.rfind("/") + 1] if member else ""
    classes = None
    if _is_table(labels, text):
        pairs = _table_pairs(text, labels, known | {n.removeprefix(folder) for n in known})
    elif (content := _json_content(text, labels)) is None:
        print(f"{labels} says that there are no labels")
        return None
    else:
        pairs, classes = content
    label_of: dict[str, Any] = {}
    for name, value in pairs:
        if folder and name not in known:  # as seen from the file
            name = folder + name
        if value is not None and label_of.setdefault(name, value) != value:
            raise UserError(f"{labels} gives {name} two labels: {label_of[name]} and {value}")
    if strange := label_of.keys() - known:
        print(
            f"{labels} has labels of {len(strange)} file(s) that aren't there, {min(strange)} first"
        )
    return ImageLabels(label_of, classes, member and member.name)


def _find(tree: Tree, labels: str) -> Member | None:
    """Returns the file of this name in the tree's root, or in a folder that all images are in."""
    folders = posixpath.commonpath(set(map(posixpath.dirname, tree.images)))
    parts = folders.split("/") if folders else []
    for depth in range(len(parts) + 1):
        if member := tree.find("/".join([*parts[:depth], labels])):
            return member
    return None


def _content(tree: Tree, labels: str, member: Member | None) -> bytes:
    try:
        if member:
            return imagetree.read_file(tree.root, member)
        with storage.open_binary(labels) as file:
            text = file.read(_MAX_BYTES + 1)
    except (BadImage, OSError):
        raise UserError(
            f"--labels {labels} is neither in {tree.root} nor a file of its own"
            f"{nearest(labels, ['folders'])}"
        ) from None
    if len(text) > _MAX_BYTES:
        raise UserError(f"{labels} is too large for a file of labels")
    return text


# JSON.


def _json_content(text: bytes, where: str) -> tuple[list[tuple[str, Any]], list[str] | None] | None:
    """Returns (name, label) of each entry, and the names of classes; None for no labels."""
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: line {error.lineno}, column {error.colno}: {error.msg} (it is read as JSON)"
        ) from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply: it is not of the form {_FORM}") from None
    except ValueError as error:  # a key twice; not UTF-8; a number of thousands of digits
        raise UserError(f"{where} can't be read as JSON ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise UserError(f"{where} is not of the form {_FORM}")
    classes = content.get("classes") if "labels" in content else None
    labels = content.get("labels", content)
    if not isinstance(classes, list | None) or not all(isinstance(c, str) for c in classes or ()):
        raise UserError(f'{where} is not of the form {_FORM}: "classes" is no list of names')
    if labels is None:
        return None
    if not isinstance(labels, dict | list):
        raise UserError(f'{where} is not of the form {_FORM}: "labels" is {_SHORT.repr(labels)}')
    pairs = list(labels.items()) if isinstance(labels, dict) else labels
    for number, pair in enumerate(pairs, 1):
        if not _is_pair(pair):
            raise UserError(
                f"{where} is not of the form {_FORM}: label {number} is {_SHORT.repr(pair)}"
            )
    return [(imagetree.plain_name(name), value) for name, value in pairs], classes


def _is_pair(pair: Any) -> bool:
    """Returns whether it is a name and a value or flat list of values."""
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
        return False
    values = pair[1] if isinstance(pair[1], list) else [pair[1]]
    return not any(isinstance(value, list | dict) for value in values)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{reprlib.repr(key)} is there twice")
        found[key] = value
    return found


# Tables.


def _is_table(labels: str, text: bytes) -> bool:
    suffix = posixpath.splitext(labels)[1].lower()
    if suffix in (".csv", ".tsv"):
        return True
    begin = text.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return suffix != ".json" and begin not in (b"{", b"[", b"")


def _table_pairs(text: bytes, where: str, known: set[str]) -> list[tuple[str, Any]]:
    """Returns (name, class) of each line: numbers where all are, else names; None for nothing."""
    try:
        lines = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is no UTF-8 text ({error.reason})") from None
    heading = lines.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, strict=True)
    pairs: list[tuple[str, str]] = []
    try:
        for row in reader:
            if row and len(row) != 2:
                raise UserError(
                    f"{where}: line {reader.line_num} has {len(row)} field(s), not name,class"
                )
            if row:
                pairs.append((imagetree.plain_name(row[0].strip()), row[1].strip()))
    except csv.Error as error:
        raise UserError(f"{where}: line {reader.line_num}: {error}") from None
    if pairs and pairs[0][0] not in known and not posixpath.splitext(pairs[0][0])[1]:
        del pairs[0]  # the heading
    numbered = all(_WHOLE_NUMBER.fullmatch(value) for _, value in pairs if value)
    return [(n, None if not v else int(v) if numbered else v) for n, v in pairs]


# Rows.


def rows(
    names: Sequence[str], values: Sequence[Any], classes: list[str] | None
) -> tuple[np.ndarray, list[str]]:
    """Returns labels, float32 [N, label size], and the names of their columns if they have any.

    Names of classes that are all numbers are put in order by value, others as text.

    Args:
      names: of the images, for messages.
      values: their labels: class names, class numbers, or lists of as many numbers.
      classes: names of the classes from 0 on, or None.
    Raises: UserError for labels that are neither, or not all of one kind.
    """
    kinds = list(map(_kind, values))
    kind = kinds[0]
    if kind is None or any(other != kind for other in kinds):
        odd = 0 if kind is None else next(i for i, other in enumerate(kinds) if other != kind)
        raise UserError(
            f"the label of {names[odd]} is {_SHORT.repr(values[odd])}: labels must be names of"
            " classes, or numbers of classes from 0 on, or lists of numbers, all of one length"
        )
    if isinstance(kind, int):
        if classes is not None and len(classes) != kind:
            raise UserError(
                f"labels of {kind} numbers can't have the names of {len(classes)} classes"
            )
        return np.array(values, np.float32), classes or []
    if classes is not None:
        numbers = range(len(classes))
        number = dict(zip(classes, numbers, strict=True)) if kind == "name" else numbers
        for name, value in zip(names, values, strict=True):
            if value not in number:
                raise UserError(
                    f"the label of {name} is {_SHORT.repr(value)}, which is none of the"
                    f" {len(classes)} classes"
                )
        return one_hot([number[value] for value in values], len(classes)), classes
    if kind == "name":
        classes = sorted(set(values), key=_order)
        number = {name: i for i, name in enumerate(classes)}
        return one_hot([number[value] for value in values], len(classes)), classes
    if max(values) >= max(len(values), MANY_CLASSES):
        raise UserError(
            f"class {max(values)} of {len(values)} images: classes are numbered from 0 on"
            " without large gaps"
        )
    return one_hot(values, max(values) + 1), []


def _kind(value: Any) -> str | int | None:
    """Returns "name", "number", or how many numbers a list has; None for what is no label."""
    if isinstance(value, str):
        return "name"
    if type(value) is int:
        return "number" if value >= 0 else None
    if not isinstance(value, list) or not value:
        return None
    good = all(isinstance(v, int | float) and abs(v) <= 3e38 and math.isfinite(v) for v in value)
    return len(value) if good else None


def _order(name: str) -> tuple:
    """Returns what names of classes are sorted by: numbers come first, by value."""
    if not re.fullmatch(r"[0-9]+", name):
        return 1, 0, "", name
    digits = name.lstrip("0")
    return 0, len(digits), digits, name

"""Reads labels of a user's images from folders, a JSON file or a table, and makes label rows."""

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

_MAX_BYTES = 1 << 30  # largest file of labels
_FORM = '{"labels": [["name.png", 0], ...]} or {"name.png": 0, ...}'
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclasses.dataclass(frozen=True)
class ImageLabels:
    """Labels of images.

    by_name: {image name: class name, class number or list of numbers}, without unlabelled images.
    classes: names of the numbered classes, or None.
    file: name of the tree's file with the labels, or None if they come from elsewhere.
    """

    by_name: dict[str, Any]
    classes: list[str] | None = None
    file: str | None = None


def from_folders(names: Sequence[str]) -> ImageLabels:
    """Labels each image with its topmost folder, not counting folders that all images are in."""
    parents = set(map(posixpath.dirname, names))
    common = posixpath.commonpath(parents) if parents else ""
    if common in parents:  # then this folder is a class
        common = posixpath.dirname(common)
    start = len(common) + 1 if common else 0
    # Interning makes a million images of one class share one string.
    by_name = {
        name: sys.intern(name[start:end]) for name in names if (end := name.find("/", start)) >= 0
    }
    if len(set(by_name.values())) == 1:
        print(f"All images are of one class, {next(iter(by_name.values()))}")
    return ImageLabels(by_name)


def read(tree: Tree, labels: str) -> ImageLabels | None:
    """Reads the labels of a tree's images from a file.

    The file is JSON or a table. JSON is {"labels": [[file name, label], ...]}, optionally with
    "classes": [name of class 0, ...]; or {file name: label, ...}; or {"labels": null} for no
    labels. A table has a line `name,class` for each image, and may have a heading. A label is a
    class name, a class number or, in JSON, a list of numbers. Null in JSON and an empty field in a
    table mean that an image has no label.

    Args:
      tree: the images.
      labels: name of the file: in the tree's root, in a folder that all images are in, or
        elsewhere.
    Returns: the labels, or None if the file says that there are none.
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
        if folder and name not in known:  # the name is relative to the file's folder
            name = folder + name
        if value is not None and label_of.setdefault(name, value) != value:
            raise UserError(f"{labels} gives {name} two labels: {label_of[name]} and {value}")
    if strange := label_of.keys() - known:
        print(
            f"{labels} has labels of {len(strange)} file(s) that aren't there, {min(strange)} first"
        )
    return ImageLabels(label_of, classes, member and member.name)


def _find(tree: Tree, labels: str) -> Member | None:
    """Returns the file of this name in the tree's root or in a folder that all images are in."""
    common = posixpath.commonpath(set(map(posixpath.dirname, tree.images)))
    parts = common.split("/") if common else []
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
    except BadImage as error:
        raise UserError(f"--labels {labels}: {error}") from None
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"--labels {labels} can't be read: {error.strerror}") from None
    except OSError:
        raise UserError(
            f"--labels {labels}: there is no such file, neither in {tree.root} nor elsewhere"
            f"{nearest(labels, ['folders'])}"
        ) from None
    if len(text) > _MAX_BYTES:
        raise UserError(
            f"{labels} is larger than {_MAX_BYTES >> 30} GiB, too large for a file of labels"
        )
    return text


# JSON.


def _json_content(text: bytes, where: str) -> tuple[list[tuple[str, Any]], list[str] | None] | None:
    """Returns ([(image name, label), ...], class names or None); None if there are no labels."""
    try:
        content = json.loads(text, object_pairs_hook=_dict_without_repeats)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: line {error.lineno}, column {error.colno}: {error.msg} (it was read as JSON)"
        ) from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply: it is not of the form {_FORM}") from None
    except ValueError as error:  # a repeated key; not UTF-8; a number of thousands of digits
        raise UserError(f"{where} can't be read as JSON ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise UserError(f"{where} is not of the form {_FORM}")
    classes = content.get("classes") if "labels" in content else None
    labels = content.get("labels", content)
    if not isinstance(classes, list | None) or not all(isinstance(c, str) for c in classes or ()):
        raise UserError(f'{where} is not of the form {_FORM}: "classes" is not a list of names')
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
    """Returns whether a pair is a name with a value or a flat list of values."""
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
        return False
    values = pair[1] if isinstance(pair[1], list) else [pair[1]]
    return not any(isinstance(value, list | dict) for value in values)


def _dict_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a dict of the pairs. Raises: ValueError if a key is repeated."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"{reprlib.repr(key)} occurs twice")
        result[key] = value
    return result


# Tables.


def _is_table(labels: str, text: bytes) -> bool:
    suffix = posixpath.splitext(labels)[1].lower()
    if suffix in (".csv", ".tsv"):
        return True
    begin = text.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return suffix != ".json" and begin not in (b"{", b"[", b"")


def _table_pairs(text: bytes, where: str, known: set[str]) -> list[tuple[str, Any]]:
    """Returns (image name, class) of each line of a table.

    Args:
      text: the file's content.
      where: the file's name, for messages.
      known: names of the images; they tell a first line from a heading.
    Returns: pairs whose class is an int if all classes are numbers, otherwise a name; None for an
      empty field.
    """
    try:
        lines = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not UTF-8 text ({error.reason})") from None
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
    """Converts labels to rows.

    Class names become columns in sorted order; names that are numbers come first, by value.

    Args:
      names: names of the images, for messages.
      values: the images' labels: all class names, all class numbers, or all lists of one length.
      classes: names of the classes from 0 on, or None.
    Returns: labels, float32 [N, label size], and the names of their columns, [] without names.
    Raises: UserError for labels that are none of these, or not all of one kind.
    """
    kinds = list(map(_kind, values))
    kind = kinds[0]
    if kind is None or any(other != kind for other in kinds):
        odd = 0 if kind is None else next(i for i, other in enumerate(kinds) if other != kind)
        raise UserError(
            f"the label of {names[odd]} is {_SHORT.repr(values[odd])}: labels must be all class"
            " names, all class numbers from 0 on, or all lists of numbers of the same length"
        )
    if isinstance(kind, int):
        if classes is not None and len(classes) != kind:
            raise UserError(
                f"each label is a list of {kind} numbers, but {len(classes)} classes are named"
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
        classes = sorted(set(values), key=_sort_key)
        number = {name: i for i, name in enumerate(classes)}
        return one_hot([number[value] for value in values], len(classes)), classes
    if max(values) >= max(len(values), MANY_CLASSES):
        raise UserError(
            f"class {max(values)} is too large for {len(values)} images: number the classes from 0"
            " on, without large gaps"
        )
    return one_hot(values, max(values) + 1), []


def _kind(value: Any) -> str | int | None:
    """Returns "name", "number", or a list's length; None if the value can't be a label."""
    if isinstance(value, str):
        return "name"
    if type(value) is int:
        return "number" if value >= 0 else None
    if not isinstance(value, list) or not value:
        return None
    good = all(isinstance(v, int | float) and abs(v) <= 3e38 and math.isfinite(v) for v in value)
    return len(value) if good else None


def _sort_key(name: str) -> tuple:
    """Returns a class name's sort key: numbers come first, by value."""
    if not re.fullmatch(r"[0-9]+", name):
        return 1, 0, "", name
    digits = name.lstrip("0")
    return 0, len(digits), digits, name

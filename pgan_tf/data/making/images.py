"""create_from_images: a user's own images, from a directory tree or a zip file."""

import collections
import dataclasses
import json
import os
import posixpath
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pgan_tf import progress
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.imagefile import BadImage, Preparation, Report
from pgan_tf.data.pictures.imagetree import Member, Tree
from pgan_tf.errors import UserError, nearest

_TABLE_ROWS = 50
_CHECKED_AT_ONCE = 16  # files a piece of work


@dataclasses.dataclass(frozen=True)
class ImagesSource:
    """Prepared images of a tree as a source; see `build.Source`."""

    root: str
    preparation: Preparation
    num_channels: int
    resolution: int

    def read(self, items: Sequence[Member]) -> np.ndarray:
        """Returns images by file: uint8 [n, C, R, R]."""
        out = np.empty((len(items), self.num_channels, self.resolution, self.resolution), np.uint8)
        for image, member in zip(out, items, strict=True):
            try:
                pixels = imagefile.load(imagetree.read_file(self.root, member), self.preparation)
                if pixels.shape != image.shape:
                    raise BadImage("changed after it was checked")
            except BadImage as error:
                raise _FoundLate(member.name, str(error)) from None
            image[:] = pixels
        return out


class _FoundLate(Exception):  # noqa: N818
    """A file passed the check and yet can't be used; arguments: its name, the reason."""


def create(
    path: str | os.PathLike,
    image_dir: str | os.PathLike,
    *,
    shuffle: bool = True,
    preparation: Preparation = Preparation(),  # noqa: B008 (frozen)
    labels: str | None = None,
    skip_bad: bool = False,
    **options,
) -> int:
    """Makes a data set of image files; returns the number of images.

    Every file is checked before anything is written; see `imagefile.examine`.

    Args:
      path: the data set's directory.
      image_dir: a directory, searched with all below it, or a zip file.
      shuffle: whether the records are in the official tool's shuffled order, or sorted by name.
      preparation: what is done to each image.
      labels: "folders": the topmost folder of each image is its class, not counting folders that
        all images are below; or the name of a JSON file, in image_dir, in such a folder or
        elsewhere: {"labels": [[file name, class number or list of numbers], ...]}, and perhaps
        "classes": [name of class 0, ...]; or None.
      skip_bad: leaves out files that can't be used instead of failing.
      options: force, workers, shards, compress; see `build.build`.
    Raises: UserError; for files that can't be used after printing a table of them.
    """
    if preparation.crop != "none" and preparation.pad:
        raise UserError("--crop center cuts and --pad extends: take one of them")
    root = os.fspath(image_dir)
    writer.check_target(os.fspath(path), options.get("force", False))
    if preparation.resolution is not None:
        writer.check_size(preparation.resolution, 3)
    options["workers"] = build.num_workers(options.get("workers"), root)
    tree = imagetree.Tree(root)
    names = tree.images
    if not names:
        raise UserError(f"{root} holds no image files ({', '.join(imagefile.SUFFIXES)})")
    found = None if labels in (None, "folders") else _read_labels(tree, labels)
    others = [name for name in tree.others if found is None or name != found.file]
    if others:
        print(f"Leaving out what is no image: {len(others)} file(s), {others[0]} first")

    shape, bad = _examine_all(tree, preparation, options["workers"])
    if labels == "folders":
        found = _folder_labels([name for name in names if name not in bad])
    if found is not None:
        why = "is in no folder, which would be its class" if labels == "folders" else "has no label"
        unlabelled = Report(None, None, None, False, why)
        bad |= {name: unlabelled for name in names if name not in found.of}
    while True:
        _answer_bad(bad, len(names), skip_bad)
        good = np.array([i for i, name in enumerate(names) if name not in bad])
        good = good[build.shuffled(len(good), shuffle)]
        try:
            source = ImagesSource(root, dataclasses.replace(preparation, channels=shape[0]), *shape)
            return _build(path, source, _Order(tree, good), found, options)
        except _FoundLate as late:
            name, reason = late.args
            bad[name] = Report(None, None, None, False, reason)
            # Where one went bad, or was packed wrongly under right checksums, others may be: all
            # are looked for, by decoding, before the next attempt.
            shape, more = _examine_all(tree, preparation, options["workers"], decode=True)
            bad |= more


@dataclasses.dataclass(frozen=True, eq=False)
class _Order:
    """A tree's image files in some order; slices of it are lists of files."""

    tree: Tree
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, which: slice) -> list[Member]:
        return self.tree.members(self.indices[which])


def _build(
    path: str | os.PathLike,
    source: ImagesSource,
    order: _Order,
    found: "_Labels | None",
    options: dict[str, Any],
) -> int:
    """Writes the data set of the images, in this order, after printing its size."""
    labels, files = None, {}
    if found is not None:
        names = order.tree.images
        values = [found.of[names[i]] for i in order.indices]
        labels, classes = _label_rows(values, found.classes)
        if classes:
            files[build.CLASSES_FILE] = build.classes_text(classes)
    label_size = 0 if labels is None else labels.shape[1]
    size = writer.size_on_disk(len(order), source.resolution, source.num_channels, label_size)
    print(
        f"{len(order)} images of {source.resolution}x{source.resolution},"
        f" {source.num_channels} channel(s): {storage.readable_size(size)}"
        + (" before compression" if options.get("compress") else "")
    )
    return build.build(path, source, order=order, labels=labels, files=files, **options)


class _Examine:
    """Checks files; sent to other processes."""

    def __init__(self, root: str, preparation: Preparation, decode: bool):
        self.root, self.preparation, self.decode = root, preparation, decode

    def __call__(self, members: list[Member]) -> list[Report]:
        return [self._examine(member) for member in members]

    def _examine(self, member: Member) -> Report:
        try:
            data = imagetree.read_file(self.root, member)
            return imagefile.examine(data, self.preparation, self.decode)
        except BadImage as error:
            return Report(None, None, None, False, str(error))


def _examine_all(
    tree: Tree, preparation: Preparation, workers: int, decode: bool = False
) -> tuple[tuple[int, int], dict[str, Report]]:
    """Returns (channels, resolution) of most good files, and reports of all others by name."""
    names = tree.images
    pieces = [
        range(i, min(i + _CHECKED_AT_ONCE, len(names)))
        for i in range(0, len(names), _CHECKED_AT_ONCE)
    ]
    workers = min(workers, len(pieces))
    bad: dict[str, Report] = {}
    good: dict[tuple[int, int], list[str]] = collections.defaultdict(list)  # names by shape
    enlarged = 0
    with progress.bar("files") as bar:
        task = bar.add_task("Checking", total=len(names))
        examine = _Examine(tree.root, preparation, decode)
        reports = build.ordered_map(examine, map(tree.members, pieces), workers)
        for piece, piece_reports in zip(pieces, reports, strict=True):
            for name, report in zip((names[i] for i in piece), piece_reports, strict=True):
                if report.reason:
                    bad[name] = report
                else:
                    good[report.result].append(name)
                    enlarged += report.enlarged
            bar.advance(task, len(piece))
    grays = [shape for shape in good if shape[0] == 1]
    if preparation.channels is None and len(grays) not in (0, len(good)):
        count = sum(len(good[shape]) for shape in grays)
        print(f"{count} gray image(s) among the others become RGB; --channels 1 makes all gray")
        for _, side in grays:
            good[3, side] += good.pop((1, side))
    if enlarged:
        print(f"{enlarged} images are smaller than the resolution and get enlarged")
    usual = max(good, key=lambda shape: len(good[shape]), default=(0, 0))
    for shape, unusual in good.items():
        if shape != usual:
            bad |= dict.fromkeys(unusual, _unlike(shape, usual))
    return usual, bad


def _unlike(shape: tuple[int, int], usual: tuple[int, int]) -> Report:
    """Returns the report of an image that does not go together with most others."""
    (channels, side), (usual_channels, usual_side) = shape, usual
    mode = {1: "gray", 3: "RGB"}
    if side != usual_side:
        reason = f"unlike most, which have {usual_side}x{usual_side}: --resolution makes them alike"
    else:
        reason = f"unlike most, which are {mode[usual_channels]}: --channels makes them alike"
    return Report((side, side), mode[channels], shape, False, reason)


def _answer_bad(bad: dict[str, Report], total: int, skip_bad: bool) -> None:
    if not bad:
        return
    table = Table("path", "size", "mode", "reason", box=None, pad_edge=False)
    for name, report in list(bad.items())[:_TABLE_ROWS]:
        size = "x".join(map(str, report.size)) if report.size else "-"
        table.add_row(name, size, report.mode or "-", report.reason, style=None)
    console = Console(highlight=False, markup=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    if len(bad) > _TABLE_ROWS:
        print(f"... and {len(bad) - _TABLE_ROWS} more")
    if len(bad) == total or not skip_bad:
        kinds = collections.Counter(report.reason for report in bad.values())
        raise UserError(
            f"{len(bad)} of {total} files can't be used (most often: {kinds.most_common(1)[0][0]})"
            + ("" if len(bad) == total else "; put them right, or leave them out by --skip-bad")
        )
    print(f"Leaving out {len(bad)} of {total} files")


@dataclasses.dataclass(frozen=True)
class _Labels:
    """Labels of images.

    of: class name, class number or list of numbers of each image that has a label.
    classes: names of the numbered classes, or None.
    file: of the tree's, that they come from, or None.
    """

    of: dict[str, Any]
    classes: list[str] | None = None
    file: str | None = None


def _folder_labels(names: Sequence[str]) -> _Labels:
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
    return _Labels(of)


def _find_label_file(tree: Tree, labels: str) -> Member | None:
    """Returns the file of this name in the tree's root, or in a folder that all images are in."""
    folders = posixpath.commonpath(set(map(posixpath.dirname, tree.images)))
    parts = folders.split("/") if folders else []
    for depth in range(len(parts) + 1):
        if member := tree.find("/".join([*parts[:depth], labels])):
            return member
    return None


def _read_labels(tree: Tree, labels: str) -> _Labels:
    """Returns the labels of a tree's images that a JSON file gives; see `create`."""
    member = _find_label_file(tree, labels)
    try:
        if member:
            text = imagetree.read_file(tree.root, member)
        else:
            with storage.open_binary(labels) as file:
                text = file.read()
    except (BadImage, OSError):
        raise UserError(
            f"--labels {labels} is neither in {tree.root} nor a file of its own"
            f"{nearest(labels, ['folders'])}"
        ) from None
    try:
        content = json.loads(text)
        pairs = [(imagetree.plain_name(name), value) for name, value in content["labels"]]
        classes = content.get("classes")
        if not isinstance(classes, list | None) or not all(
            isinstance(c, str) for c in classes or ()
        ):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            f'{labels} is not of the form {{"labels": [["name.png", 0], ...]}}'
        ) from None
    label_of: dict[str, Any] = {}
    folder = member.name[: member.name.rfind("/") + 1] if member else ""
    known = set(tree.images)
    for name, value in pairs:
        if folder and name not in known:  # as seen from the JSON file
            name = folder + name
        if label_of.setdefault(name, value) != value:
            raise UserError(f"{labels} gives {name} two labels: {label_of[name]} and {value}")
    if strange := label_of.keys() - known:
        print(
            f"{labels} has labels of {len(strange)} file(s) that aren't there, {min(strange)} first"
        )
    return _Labels(label_of, classes, member and member.name)


def _label_rows(values: list, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
    """Returns labels, float32 [N, label size], and the names of the classes if they have any."""
    if classes is not None:
        if not all(type(value) is int and 0 <= value < len(classes) for value in values):
            raise UserError(f"labels must be numbers of the {len(classes)} classes, from 0 on")
        return build.one_hot(values, len(classes)), classes
    if all(isinstance(value, str) for value in values):
        classes = sorted(set(values))
        number = {name: i for i, name in enumerate(classes)}
        return build.one_hot([number[value] for value in values], len(classes)), classes
    try:
        if all(type(value) is int and value >= 0 for value in values):
            if max(values) >= max(len(values), build.MANY_CLASSES):
                raise UserError(
                    f"class {max(values)} of {len(values)} images: classes are numbered from 0 on"
                    " without large gaps"
                )
            return build.one_hot(values, max(values) + 1), []
        rows = np.array(values, np.float32)
        if rows.ndim == 2 and np.isfinite(rows).all():
            return rows, []
    except (ValueError, TypeError, OverflowError):
        pass
    raise UserError(
        "labels must be class numbers from 0 on, or lists of numbers, all of one length"
    )
